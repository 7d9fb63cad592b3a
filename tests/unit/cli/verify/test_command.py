from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from support.suite import VECTORS

from ratchetlib.cli.main import main
from ratchetlib.cli.verify.suite import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

NAME = "v1/kdf_chain.json"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """One file of the suite."""
    (tmp_path / "v1").mkdir()
    shutil.copy(VECTORS / NAME, tmp_path / NAME)
    listed = json.loads((VECTORS / MANIFEST).read_text("utf-8"))["files"]
    (tmp_path / MANIFEST).write_text(json.dumps({"files": {NAME: listed[NAME]}}))
    return tmp_path


def test_all_holds(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(suite)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1] == f"{NAME}: 18 of 18"
    assert shown[-1].split()[:4] == ["all", "19", "19", "0"]


def test_a_failure_is_exit_code_1(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite / NAME).unlink()
    assert main(["verify", str(suite)]) == 1
    assert "FAILED MANIFEST.json: v1/kdf_chain.json is missing" in capsys.readouterr().out


def test_json(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--json", str(suite)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [file["file"] for file in told["files"]] == [MANIFEST, NAME]


def test_a_folder_without_a_suite_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["verify", str(tmp_path)])
    assert end.value.code == 2
    assert f"holds no {MANIFEST}" in capsys.readouterr().err
