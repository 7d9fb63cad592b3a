"""The files of a suite, and the verification of all that is in them."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ratchetlib.cli.verify.cases import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MANIFEST: Final = "MANIFEST.json"
_LISTED: Final = ("schemas/*", "state/*/*", "v[0-9]*/*")
"""The files that a manifest lists."""
GOLDEN: Final = "state/v1/index.json"
"""Where the blobs are listed that every later version must still open."""


class Failure(NamedTuple):
    """A case that failed, or a file as a whole (`case` is 0), and why."""

    case: int
    reason: str


class Checked(NamedTuple):
    """A file, verified.

    Attributes:
        name: relative to the suite.
        cases: how many it has.
        failures: those that failed.
        seconds: how long it took.
    """

    name: str
    cases: int
    failures: tuple[Failure, ...]
    seconds: float


def check_suite(root: Path) -> Iterator[Checked]:
    """Verify a suite: its manifest, every file of cases that it names, the golden blobs.

    Raises:
        OSError, ValueError, KeyError: there is no suite, or its manifest is none.
    """
    files: dict[str, dict[str, Any]] = json.loads((root / MANIFEST).read_text("utf-8"))["files"]
    problems = tuple(Failure(0, problem) for problem in _problems(root, files))
    yield Checked(MANIFEST, len(files), problems, 0.0)
    for name, listed in files.items():
        if "cases" in listed:
            yield _timed(name, root, _golden if name == GOLDEN else _cases)


def _problems(root: Path, files: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What the manifest says and the folder does not hold, or the other way round."""
    there = {path.relative_to(root).as_posix() for pattern in _LISTED for path in root.glob(pattern)}
    for name in sorted(files.keys() - there):
        yield f"{name} is missing"
    for name in sorted(there - files.keys()):
        yield f"{name} is not listed"
    for name in sorted(files.keys() & there):
        if hashlib.sha256((root / name).read_bytes()).hexdigest() != files[name]["sha256"]:
            yield f"{name} is not the published file"


def _timed(name: str, root: Path, checks: Callable[[Path], Iterator[Failure | None]]) -> Checked:
    start = time.perf_counter()
    try:
        outcomes = list(checks(root / name))
    except Exception as error:  # noqa: BLE001  # whatever a damaged file leads to, the file has failed
        outcomes = [Failure(0, _said(error))]
    failures = tuple(outcome for outcome in outcomes if outcome is not None)
    return Checked(name, len(outcomes), failures, time.perf_counter() - start)


def _cases(path: Path) -> Iterator[Failure | None]:
    document = json.loads(path.read_text("utf-8"))
    count = 0
    for group in document["testGroups"]:
        for test in group["tests"]:
            count += 1
            yield check_one(group, test)
    if count != document["numberOfTests"]:
        yield Failure(0, f"{document['numberOfTests']} cases are announced, {count} are there")


def check_one(group: dict[str, Any], test: dict[str, Any]) -> Failure | None:
    """Verify one case; None if it holds."""
    try:
        check(group, test)
    except Exception as error:  # noqa: BLE001  # whatever a damaged case leads to, it has failed
        return Failure(test["tcId"], _said(error))
    return None


def _golden(path: Path) -> Iterator[Failure | None]:
    """Each blob must open, say what it said, and be sealed to the same bytes again."""
    for number, listed in enumerate(json.loads(path.read_text("utf-8"))["blobs"], 1):
        case = {name: value for name, value in listed.items() if name != "file"}
        blob = (path.parent / listed["file"]).read_bytes()
        case |= {"tcId": number, "result": "valid", "blob": blob.hex(), "minimum_generation": 0, "same": True}
        yield check_one({"type": "Blob"}, case)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
