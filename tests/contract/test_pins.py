"""What pyproject.toml allows, what the pins say and what is installed do not contradict each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PINS = ROOT / "tests" / "requirements"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]  # type: ignore[no-any-return]


def name(written: str) -> str:
    return re.sub(r"[-_.]+", "-", written).lower()


def pinned(file: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each package."""
    blocks = re.split(r"\n(?=\S)", (PINS / file).read_text(encoding="utf-8"))
    found = [re.match(r"([A-Za-z0-9._-]+)==(\S+)", block) for block in blocks]
    return {
        name(match[1]): (match[2], block.count("--hash=sha256:"))
        for match, block in zip(found, blocks, strict=True)
        if match
    }


@pytest.mark.attack("A125")
@pytest.mark.parametrize("file", ["runtime.txt", "test.txt"])
def test_every_pin_has_a_hash_and_names_no_place(file: str) -> None:
    pins = pinned(file)
    assert pins
    assert all(hashes for _, hashes in pins.values())
    text = (PINS / file).read_text(encoding="utf-8")
    assert "://" not in text
    assert len(re.findall(r"^[A-Za-z0-9]\S*", text, re.MULTILINE)) == len(pins)


@pytest.mark.parametrize("file", ["runtime.txt", "test.txt", "oldest.txt"])
def test_pins_satisfy_the_floors(file: str) -> None:
    pins = pinned(file)
    for line in project()["dependencies"]:
        wanted = Requirement(line)
        assert Version(pins[name(wanted.name)][0]) in wanted.specifier


def test_the_oldest_that_are_tested_are_the_floors() -> None:
    floors = {
        name(need.name): next(iter(need.specifier)).version for need in map(Requirement, project()["dependencies"])
    }
    tested = {package: release for package, (release, _) in pinned("oldest.txt").items()}
    assert {package: Version(release) for package, release in tested.items()} == {
        package: Version(release) for package, release in floors.items()
    }


def test_a_deployment_pins_what_it_needs_and_nothing_else() -> None:
    assert set(pinned("runtime.txt")) == {"pynacl", "cryptography", "cffi", "pycparser"}


def test_tests_run_on_what_is_deployed() -> None:
    deployed, tested = pinned("runtime.txt"), pinned("test.txt")
    assert deployed.items() <= tested.items()
