from __future__ import annotations

from typing import TYPE_CHECKING

from generator.main import golden, main
from support.suite import VECTORS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_generating_again_differs_in_no_byte(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(VECTORS, ["--check"]) == 0, capsys.readouterr().out


def test_check_sees_what_is_missing_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path, ["--check", "--only", "primitives"]) == 1
    assert "v1/labels.json differs" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_without_check_it_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for expected in ("v1/labels.json is written", ""):
        assert main(tmp_path, ["--only", "primitives"]) == 0
        assert capsys.readouterr().out.startswith(expected)
    assert (tmp_path / "v1/labels.json").read_bytes() == (VECTORS / "v1/labels.json").read_bytes()


def test_a_golden_blob_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "state/v1").mkdir(parents=True)
    (tmp_path / "state/v1/identity.bin").write_bytes(b"of an earlier version")
    made = golden(tmp_path)
    assert made["state/v1/identity.bin"] == b"of an earlier version"
    assert made["state/v1/ring_fresh.bin"] == (VECTORS / "state/v1/ring_fresh.bin").read_bytes()
