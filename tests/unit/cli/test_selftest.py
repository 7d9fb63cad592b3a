from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ratchetlib import __version__
from ratchetlib.cli.main import main
from ratchetlib.cli.versions import versions
from ratchetlib.primitives import random, selftest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ratchetlib {__version__} self-test"
    for name in selftest.CHECKS:
        assert f" ✓ passed        {name}" in lines
    for name, text in versions().items():
        assert f"   {name:14}{text}" in lines
    assert lines[-1] == f"All {len(selftest.CHECKS) + 1} checks held."
    assert max(map(len, lines)) <= 100


def test_a_failed_check_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise OSError("broken")

    monkeypatch.setitem(selftest.CHECKS, "X25519", broken)
    assert main(["selftest"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert " ✗ FAILED        X25519" in lines
    assert lines[-1].startswith(f"1 of {len(selftest.CHECKS) + 1} checks FAILED")


def test_a_latched_random_source_is_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    failed = replace(random.health(), failures=1, failure="a block came twice")
    latched: Callable[[], random.RandomHealth] = lambda: failed  # noqa: E731
    monkeypatch.setattr(random, "health", latched)
    assert main(["selftest"]) == 1
    assert " ✗ health        a block came twice" in capsys.readouterr().out.splitlines()


def test_it_has_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["selftest", "--fast"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --fast" in capsys.readouterr().err
