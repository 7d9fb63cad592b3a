from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.suite import CASE_FILES, MANIFEST, VECTORS, cases

from ratchetlib.cli.verify.suite import GOLDEN, check_suite

if TYPE_CHECKING:
    from ratchetlib.cli.verify.suite import Checked


@pytest.fixture(scope="module")
def checked() -> dict[str, Checked]:
    return {file.name: file for file in check_suite(VECTORS)}


@pytest.mark.parametrize("name", ["MANIFEST.json", *CASE_FILES, GOLDEN])
def test_the_library_computes_what_the_file_says(checked: dict[str, Checked], name: str) -> None:
    assert checked[name].failures == ()


@pytest.mark.parametrize("name", [*CASE_FILES, GOLDEN])
def test_every_case_was_checked(checked: dict[str, Checked], name: str) -> None:
    assert checked[name].cases == MANIFEST["files"][name]["cases"]


@pytest.mark.attack("A128")
def test_there_are_as_many_cases_as_promised() -> None:
    results = [test["result"] for _, _, test in cases()]
    assert len(results) >= 300
    assert results.count("invalid") >= 120


def transcripts() -> list[dict[str, Any]]:
    return [test for name, _, test in cases() if name.startswith("v1/ratchet_0")]


def test_there_are_twenty_transcripts_of_a_hundred_events() -> None:
    assert sum(len(test["events"]) >= 100 for test in transcripts()) >= 20


def test_transcripts_mix_several_post_quantum_secrets() -> None:
    mixed = [
        max((event["health"]["pq_epoch"] for event in test["events"] if event["op"] == "expect"), default=0)
        for test in transcripts()
    ]
    assert sum(secrets >= 2 for secrets in mixed) >= 4
