"""What the library cannot do is said where its users look for it, and nothing says the contrary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def text(page: str) -> str:
    """A page as one line, without emphasis."""
    return re.sub(r"\s+", " ", (ROOT / page).read_text(encoding="utf-8").replace("*", ""))


@pytest.mark.attack("A94")
def test_no_wiping_is_claimed_and_its_absence_is_stated() -> None:
    assert "No wiping. Python's `bytes` cannot be overwritten, and the interpreter copies them." in text(
        "docs/limitations.md"
    )
    assert "Python can neither wipe nor promise constant time" in text("SECURITY.md")
    claims = re.compile(r"(?i)\b(memory|keys?|secrets?) (is|are|gets?) (securely )?(wiped|zeroi[sz]ed|scrubbed|erased)")
    assert [page.name for page in PAGES if claims.search(page.read_text(encoding="utf-8"))] == []


@pytest.mark.attack("A116")
def test_no_constant_time_is_claimed_for_python() -> None:
    said = text("docs/limitations.md")
    assert "No constant time in Python code." in said
    assert "(which header key opened, which branch was taken, how long a dictionary look-up took) can be timed" in said


@pytest.mark.attack("A122")
def test_the_health_tests_are_not_oversold() -> None:
    assert "A good generator with a bad seed passes them all." in text("docs/limitations.md")
    assert "health tests find stuck sources only" in text("SECURITY.md")


@pytest.mark.attack("A103")
def test_hostile_packages_are_said_to_be_out_of_reach() -> None:
    assert "What is in `site-packages` or earlier on the path can replace this library" in text("docs/limitations.md")
    assert "Hostile code in `site-packages`" in text("SECURITY.md")
