from __future__ import annotations

import io
import json

from ratchetlib.cli.verify.report import as_json, table, with_progress
from ratchetlib.cli.verify.suite import Checked, Failure

FILES = (
    Checked("v1/one.json", 10, (), 0.25),
    Checked("v1/another.json", 4, tuple(Failure(number, f"reason {number}") for number in range(4)), 1.5),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_plain_stream_gets_a_line_a_file() -> None:
    stream = io.StringIO()
    assert tuple(with_progress(FILES, stream)) == FILES
    assert stream.getvalue() == "v1/one.json: 10 of 10\nv1/another.json: 0 of 4\n"


def test_a_terminal_gets_one_line_that_changes_and_goes() -> None:
    stream = Terminal()
    assert tuple(with_progress(FILES, stream)) == FILES
    shown = stream.getvalue()
    assert "\n" not in shown
    assert shown.count("\r") == 3
    assert "v1/another.json: 0 of 4, 14 in all" in shown
    assert shown.endswith("\r\033[K")


def test_the_table_ends_with_a_sum_and_the_first_failures() -> None:
    stream = io.StringIO()
    table(FILES, stream)
    assert stream.getvalue().splitlines() == [
        "file             cases  passed  failed  seconds",
        "v1/one.json         10      10       0     0.25",
        "v1/another.json      4       0       4     1.50",
        "all                 14      10       4     1.75",
        "FAILED v1/another.json: reason 0",
        "FAILED v1/another.json case 1: reason 1",
        "FAILED v1/another.json case 2: reason 2",
    ]


def test_json_has_every_failure() -> None:
    stream = io.StringIO()
    as_json(FILES, stream)
    told = json.loads(stream.getvalue())
    assert (told["cases"], told["failed"]) == (14, 4)
    assert told["files"][0] == {"file": "v1/one.json", "cases": 10, "failures": [], "seconds": 0.25}
    assert told["files"][1]["failures"][3] == {"case": 3, "reason": "reason 3"}
