from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING

import pytest

from ratchetlib.cli import device
from ratchetlib.cli.main import main
from ratchetlib.cli.scenes import trouble
from ratchetlib.limits import MAX_PLAINTEXT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)


def test_it_plays_and_everything_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert captured.err == ""
    assert [line for line in lines if re.match(r"\d  ", line)] == [
        "1  Identities",
        "2  Prekeys",
        "3  Handshake",
        "4  Conversation",
        "5  Trouble",
        "6  Restart",
    ]
    assert lines[-1].endswith("checks held. Nothing was kept.")
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 100
    assert captured.out.isascii() is False
    assert "\033" not in captured.out


def test_the_users_text_is_the_first_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--message", "my own words"]) == 0
    assert ' ✓ Alice → Bob   "my own words" ' in capsys.readouterr().out


def test_the_text_may_be_piped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "text").write_bytes(b"from a file\n")
    with (tmp_path / "text").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["demo"]) == 0
    assert '"from a file" ' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "reason"),
    [("x" * (MAX_PLAINTEXT + 1), "longer than one message may be: 1,048,576 bytes"), ("\udcff", "not UTF-8: byte 0")],
)
def test_text_that_cannot_be_sent_is_wrong_usage(capsys: pytest.CaptureFixture[str], text: str, reason: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--message", text])
    captured = capsys.readouterr()
    assert ended.value.code == 2
    assert reason in captured.err
    assert captured.out == ""


def test_options_are_not_abbreviated() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--mess", "x"])
    assert ended.value.code == 2


def test_the_devices_end_is_not_advertised(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    assert "--device" not in capsys.readouterr().out


def test_the_devices_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.StringIO()
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(device, "serve", lambda given, _stdout: 7 if given is stdin else 1)
    assert main(["demo", "--device"]) == 7


def test_what_is_accepted_by_mistake_ends_in_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "with_a_bit_flipped", lambda message, _index: message)
    assert main(["demo"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(" ✗ tampering") for line in lines)
    assert re.fullmatch(r"\d of \d+ checks FAILED\. Do not use this installation\.", lines[-1])
