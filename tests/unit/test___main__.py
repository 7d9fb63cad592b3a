from __future__ import annotations

import importlib
import runpy
import sys

import pytest

from ratchetlib import __version__


def test_python_m_runs_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ratchetlib", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("ratchetlib", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ratchetlib {__version__}\n"


def test_an_import_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ratchetlib.__main__", raising=False)
    importlib.import_module("ratchetlib.__main__")
    monkeypatch.delitem(sys.modules, "ratchetlib.__main__")
