"""The command: what it refuses, and what it says of a finding."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from typing import TYPE_CHECKING

import pytest
import run
from harness.positions import sent_to
from runner import campaign, findings, replay
from runner.campaign import Campaign, Plan
from runner.findings import Finding
from seeds import every

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "arguments",
    [
        ["--jobs", "0"],
        ["--seconds", "-1"],
        ["--replay", "nowhere", "--target", "wire"],
        ["--replay", __file__],
        ["--bugs", "--target", "wire"],
        ["--seconds", "1"],
    ],
    ids=" ".join,
)
def test_a_command_that_cannot_be_carried_out_is_refused_in_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as refused:
        run.main()
    assert refused.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_report_tells_how_to_see_a_finding_again_and_to_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "with a space" / "crash"
    path.parent.mkdir()
    path.write_bytes(b"input")
    see, keep = Finding("wire", path, ["ERROR: libFuzzer: deadly"]).report().splitlines()[-2:]
    assert shlex.split(see.partition(":")[2])[-1].endswith("with a space/crash")
    words = shlex.split(keep.partition(":")[2])
    folder = words[2]
    assert words[:2] == ["mkdir", "-p"]
    assert words[3:5] == ["&&", "cp"]
    assert words[6] == f"{folder}/"
    assert folder.endswith("fuzz/regressions/wire")


class Ended:
    """A run that has found something."""

    name = "wire"
    tail = ("Test unit written to somewhere/crash-1",)


def test_a_finding_is_kept_though_making_it_small_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_name: str, _artifact: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(campaign, "minimized", interrupted)
    under_way = Campaign(Plan(["wire"], 1, 1, tmp_path, tmp_path, tmp_path))
    with pytest.raises(KeyboardInterrupt):
        under_way._judge(Ended())  # type: ignore[arg-type]
    assert [finding.path for finding in under_way.findings] == [tmp_path / "wire" / "crash-1"]


def test_folders_without_a_crash_are_removed(tmp_path: Path) -> None:
    for name in ("wire", "reader"):
        (tmp_path / "crashes" / name).mkdir(parents=True)
    (tmp_path / "crashes" / "reader" / "crash-1").touch()
    plan = Plan(["wire", "reader", "session"], 1, 1, tmp_path / "crashes", tmp_path, tmp_path)
    Campaign(plan)._remove_empty_folders()
    assert [path.name for path in (tmp_path / "crashes").iterdir()] == ["reader"]


def test_the_limits_of_a_replay_are_those_of_the_fuzzer() -> None:
    assert f"-timeout={replay.SECONDS}" in findings.start.__globals__["_LIMITS"]
    assert f"-rss_limit_mb={replay.MEGABYTES}" in findings.start.__globals__["_LIMITS"]


def test_what_is_under_way_to_one_side_is_not_what_the_other_may_read() -> None:
    assert sent_to(0)
    assert sent_to(1)
    assert not sent_to(0).keys() & sent_to(1).keys()


def test_seeds_are_written_beside_the_corpus(tmp_path: Path) -> None:
    folder = every.write("wire", tmp_path)
    assert sorted(path.read_bytes() for path in folder.iterdir()) == every.of("wire")
