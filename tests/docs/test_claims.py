"""Every claim has its test, every test that a page names exists, and the pages are what their scripts make."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS / "tools"))

import assurance  # noqa: E402
import claims  # noqa: E402

PAGES = [*DOCS.rglob("*.md"), DOCS.parent / "README.md", DOCS.parent / "SECURITY.md"]
NAMED = {
    (page.relative_to(DOCS.parent).as_posix(), test)
    for page in PAGES
    for test in re.findall(r"tests/[\w/]+\.py::\w+", page.read_text(encoding="utf-8"))
}


@pytest.mark.attack("A134")
def test_every_claim_has_a_test_and_every_test_a_claim() -> None:
    assert list(assurance.faults(claims.read(), assurance.entries())) == []


def test_there_are_claims_in_every_document_that_makes_them() -> None:
    documents = {claim.document for claim in claims.read()}
    assert {"README.md", "SECURITY.md", "docs/spec/security.md", "docs/spec/state.md"} <= documents


@pytest.mark.attack("A134")
def test_a_new_claim_without_a_test_is_found() -> None:
    claim = claims.Claim("SECURITY.md", "It makes coffee.")
    found = list(assurance.faults([*claims.read(), claim], assurance.entries()))
    assert found == ["SECURITY.md: not exactly one entry for the claim 'It makes coffee.'"]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (
            assurance.Entry("README.md", "It makes coffee", ("tests/docs/test_claims.py::test_nothing",)),
            "exactly one claim",
        ),
        (assurance.Entry("README.md", "Lengths reveal a bucket only", ()), "no test carries"),
        (
            assurance.Entry("README.md", "Lengths reveal", ("tests/docs/test_claims.py::test_nothing",)),
            "there is no test",
        ),
    ],
)
def test_an_entry_that_says_nothing_is_found(entry: assurance.Entry, fault: str) -> None:
    others = [other for other in assurance.entries() if not other.says.startswith("Lengths reveal")]
    assert any(fault in found for found in assurance.faults(claims.read(), [*others, entry]))


@pytest.mark.attack("A134")
def test_a_claim_that_only_skippable_tests_carry_is_found() -> None:
    wycheproof = "tests/contract/test_wycheproof.py::test_ed25519_agrees_with_wycheproof_in_libsodium"
    assert claims.needs_more(wycheproof)
    assert not claims.needs_more("tests/docs/test_claims.py::test_every_claim_has_a_test_and_every_test_a_claim")
    others = [other for other in assurance.entries() if not other.says.startswith("Lengths reveal")]
    entry = assurance.Entry("README.md", "Lengths reveal", (wycheproof,))
    assert list(assurance.faults(claims.read(), [*others, entry])) == [
        "README.md: only tests that may be skipped carry 'Lengths reveal'"
    ]


@pytest.mark.parametrize(("page", "test"), sorted(NAMED))
def test_every_test_that_a_page_names_exists(page: str, test: str) -> None:
    assert claims.exists(test), page


@pytest.mark.parametrize("tool", ["assurance", "attacks"])
def test_the_pages_are_what_their_scripts_make(tool: str) -> None:
    command = [sys.executable, str(DOCS / "tools" / f"{tool}.py"), "--check"]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)  # noqa: S603  # our own
    assert (finished.returncode, finished.stderr) == (0, "")
