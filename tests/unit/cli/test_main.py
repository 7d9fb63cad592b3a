from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ratchetlib
from ratchetlib import RandomnessError, __version__
from ratchetlib.cli import selftest
from ratchetlib.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMAND = [sys.executable, "-W", "error", "-m", "ratchetlib"]
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ratchetlib.__file__).parents[1])}
_ENVIRONMENT.pop("PYTHONUNBUFFERED", None)  # argparse swallows a failing write, and an unbuffered one fails at once


def ending(failure: BaseException) -> Callable[[object], int]:
    def run(_arguments: object) -> int:
        raise failure

    return run


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ratchetlib {__version__}\n"


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "demo " in shown
    assert "selftest " in shown


@pytest.mark.parametrize(
    ("argv", "reason"),
    [([], "required: COMMAND"), (["dance"], "invalid choice: 'dance'"), (["--vers"], "required: COMMAND")],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], argv: list[str], reason: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert reason in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (RandomnessError("a block came twice"), "ratchetlib: error: RandomnessError: a block came twice\n"),
        (OSError("disk full"), "ratchetlib: error: OSError: disk full\n"),
    ],
)
def test_a_failure_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, failure: Exception, line: str
) -> None:
    monkeypatch.setattr(selftest, "run", ending(failure))
    assert main(["selftest"]) == 1
    assert capsys.readouterr().err == line


def test_an_interruption_is_quiet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "run", ending(KeyboardInterrupt()))
    assert main(["selftest"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "run", ending(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["selftest"])


def test_a_reader_who_leaves_is_no_failure(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["selftest"]) == 141
        stdout.flush()
        monkeypatch.undo()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["selftest"], ["--help"]])
def test_a_closed_pipe_in_a_process_of_its_own(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    finished = subprocess.run(  # noqa: S603  # this very interpreter
        [*_COMMAND, *arguments], env=_ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (finished.returncode, finished.stderr) == (141, b"")


def test_python_m(capfd: pytest.CaptureFixture[str]) -> None:
    finished = subprocess.run([*_COMMAND, "--version"], env=_ENVIRONMENT, check=False)  # noqa: S603
    assert finished.returncode == 0
    assert capfd.readouterr().out == f"ratchetlib {__version__}\n"
