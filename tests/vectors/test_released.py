"""What was released never changes. A release adds its name and the hash of its manifest here."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from support.suite import MANIFEST, VECTORS

RELEASED: Final[dict[str, dict[str, str]]] = {}
"""By version of the suite: the files that it had, with their SHA-256."""


def digest(name: str) -> str:
    return hashlib.sha256((VECTORS / name).read_bytes()).hexdigest()


def test_every_file_is_what_the_manifest_says() -> None:
    assert {name: digest(name) for name in MANIFEST["files"]} == {
        name: entry["sha256"] for name, entry in MANIFEST["files"].items()
    }


def test_the_manifest_lists_every_file() -> None:
    there = {path.relative_to(VECTORS).as_posix() for folder in ("v1", "schemas", "state") for path in _files(folder)}
    assert there == set(MANIFEST["files"])


def _files(folder: str) -> list:  # type: ignore[type-arg]
    return [path for path in (VECTORS / folder).rglob("*") if path.is_file()]


def test_the_manifest_counts_right() -> None:
    for name, entry in MANIFEST["files"].items():
        if name.startswith("v1/"):
            document = json.loads((VECTORS / name).read_text("utf-8"))
            tests = [test for group in document["testGroups"] for test in group["tests"]]
            assert entry["cases"] == len(tests) == document["numberOfTests"]
            assert entry["negative"] == sum(test["result"] == "invalid" for test in tests)
    assert MANIFEST["cases"] == sum(entry.get("cases", 0) for entry in MANIFEST["files"].values())
    assert MANIFEST["negative"] == sum(entry.get("negative", 0) for entry in MANIFEST["files"].values())


def test_released_files_are_as_they_were() -> None:
    for version, files in RELEASED.items():
        assert {name: digest(name) for name in files} == files, version
