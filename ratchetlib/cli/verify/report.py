"""What the verification shows: a line while it works, a table at the end, or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from ratchetlib.cli.verify.suite import Checked

_SHOWN: Final = 3
"""Failures of one file that the table tells about: more are in the JSON."""
_CLEAR_LINE: Final = "\r\033[K"


def with_progress(files: Iterable[Checked], stream: TextIO) -> Iterator[Checked]:
    """The files as they come: a line each, on a terminal one line that changes."""
    terminal, done = stream.isatty(), 0
    for checked in files:
        done += checked.cases
        line = f"{checked.name}: {checked.cases - len(checked.failures)} of {checked.cases}"
        stream.write(f"{_CLEAR_LINE}{line}, {done} in all" if terminal else f"{line}\n")
        stream.flush()
        yield checked
    if terminal:
        stream.write(_CLEAR_LINE)


def table(files: Sequence[Checked], stream: TextIO) -> None:
    """A row a file, the sum, and the first failures of each."""
    width = max(len(checked.name) for checked in files)
    lines = [f"{'file':{width}}  cases  passed  failed  seconds"]
    for name, cases, failed, seconds in [*_rows(files), _sum(files)]:
        lines.append(f"{name:{width}}  {cases:5}  {cases - failed:6}  {failed:6}  {seconds:7.2f}")
    for checked in files:
        for case, reason in checked.failures[:_SHOWN]:
            lines.append(f"FAILED {checked.name}{f' case {case}' if case else ''}: {reason}")
    stream.write("\n".join(lines) + "\n")


def as_json(files: Sequence[Checked], stream: TextIO) -> None:
    """The same for programs, with every failure."""
    listed = [
        {
            "file": checked.name,
            "cases": checked.cases,
            "failures": [failure._asdict() for failure in checked.failures],
            "seconds": round(checked.seconds, 3),
        }
        for checked in files
    ]
    _, cases, failed, _ = _sum(files)
    json.dump({"cases": cases, "failed": failed, "files": listed}, stream, indent=2)
    stream.write("\n")


def _rows(files: Sequence[Checked]) -> Iterator[tuple[str, int, int, float]]:
    for checked in files:
        yield checked.name, checked.cases, len(checked.failures), checked.seconds


def _sum(files: Sequence[Checked]) -> tuple[str, int, int, float]:
    rows = list(_rows(files))
    return "all", sum(row[1] for row in rows), sum(row[2] for row in rows), sum(row[3] for row in rows)
