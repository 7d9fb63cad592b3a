from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from support.suite import VECTORS

from ratchetlib.cli.verify.suite import GOLDEN, MANIFEST, check_one, check_suite

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ("v1/kdf_chain.json", "v1/fingerprint.json", GOLDEN)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A few files of the suite, with a manifest of their own."""
    shutil.copytree(VECTORS / "state", tmp_path / "state")
    (tmp_path / "v1").mkdir()
    for name in SMALL[:2]:
        shutil.copy(VECTORS / name, tmp_path / name)
    listed = json.loads((VECTORS / MANIFEST).read_text("utf-8"))["files"]
    kept = {name: entry for name, entry in listed.items() if (tmp_path / name).is_file()}
    (tmp_path / MANIFEST).write_text(json.dumps({"files": kept}))
    return tmp_path


def reasons(suite: Path) -> list[str]:
    return [f"{checked.name}: {failure.reason}" for checked in check_suite(suite) for failure in checked.failures]


def rewritten(suite: Path, name: str, document: dict[str, Any]) -> None:
    """The file with another content, its hash in the manifest."""
    (suite / name).write_text(json.dumps(document))
    manifest = json.loads((suite / MANIFEST).read_text())
    manifest["files"][name]["sha256"] = hashlib.sha256((suite / name).read_bytes()).hexdigest()
    (suite / MANIFEST).write_text(json.dumps(manifest))


def test_every_file_of_cases_is_checked(suite: Path) -> None:
    checked = {file.name: file for file in check_suite(suite)}
    assert set(checked) == {MANIFEST, *SMALL}
    assert all(file.failures == () and file.cases > 0 for file in checked.values())


def test_a_file_that_is_missing(suite: Path) -> None:
    (suite / SMALL[0]).unlink()
    told = reasons(suite)
    assert told[0] == f"{MANIFEST}: {SMALL[0]} is missing"
    assert told[1].startswith(f"{SMALL[0]}: FileNotFoundError")


def test_a_file_that_is_not_listed(suite: Path) -> None:
    shutil.copy(suite / SMALL[0], suite / "v1/more.json")
    assert reasons(suite) == [f"{MANIFEST}: v1/more.json is not listed"]


def test_a_file_that_was_changed(suite: Path) -> None:
    text = (suite / SMALL[0]).read_text()
    (suite / SMALL[0]).write_text(text + "\n")
    assert reasons(suite) == [f"{MANIFEST}: {SMALL[0]} is not the published file"]


def test_a_case_that_is_wrong(suite: Path) -> None:
    document = json.loads((suite / SMALL[0]).read_text())
    document["testGroups"][0]["tests"][2]["message_key"] = "00" * 32
    rewritten(suite, SMALL[0], document)
    (told,) = reasons(suite)
    assert told.startswith(f"{SMALL[0]}: BadVectorError: message_key is")


def test_a_case_that_was_left_out(suite: Path) -> None:
    document = json.loads((suite / SMALL[0]).read_text())
    del document["testGroups"][0]["tests"][2]
    rewritten(suite, SMALL[0], document)
    (told,) = reasons(suite)
    assert "18 cases are announced, 17 are there" in told


def test_a_file_that_is_no_json(suite: Path) -> None:
    rewritten(suite, SMALL[0], {})
    assert reasons(suite) == [f"{SMALL[0]}: KeyError: 'testGroups'"]


def test_a_golden_blob_that_says_something_else(suite: Path) -> None:
    index = json.loads((suite / GOLDEN).read_text())
    index["blobs"][0]["summary"]["public"] = "00" * 128
    rewritten(suite, GOLDEN, index)
    (told,) = reasons(suite)
    assert told.startswith(f"{GOLDEN}: BadVectorError: summary is")


def test_whatever_a_case_leads_to_it_has_failed() -> None:
    assert check_one({"type": "Unwritten"}, {"tcId": 7, "result": "valid"}) == (
        7,
        "BadVectorError: nothing is called Unwritten",
    )
    failure = check_one({"type": "Limit"}, {"tcId": 8, "result": "valid", "name": "NO_LIMIT"})
    assert failure is not None
    assert failure.case == 8
    assert failure.reason.startswith("AttributeError")
