"""Every committed input of every target, on every Python, without atheris."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from harness.draws import FixedSource
from runner import targets
from runner.replay import replay
from seeds import every

from ratchetlib.primitives import random
from ratchetlib.primitives.kem import Kem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = targets.names()


@pytest.mark.parametrize("name", NAMES)
def test_no_committed_input_breaks_anything(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = targets.inputs(name)
    assert inputs, f"{name} has no corpus: python fuzz/run.py --seconds 0 --minimize --target {name}"
    assert replay(name, inputs) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_no_seed_breaks_anything(name: str) -> None:
    """Seeds that reach nothing new are not in the corpora; what they show, only they may show."""
    one_input = targets.one_input(name)
    for seed in every.of(name):
        one_input(seed)


@pytest.mark.parametrize("name", NAMES)
def test_a_target_takes_no_input_at_all(name: str) -> None:
    targets.one_input(name)(b"")


@pytest.mark.parametrize("name", NAMES)
def test_the_targets_do_without_atheris(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert callable(targets.one_input(name))


def test_a_broken_input_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def one_input(data: bytes) -> None:
        raise ValueError(f"{len(data)} bytes are wrong")

    path = tmp_path / "input"
    path.write_bytes(b"xyz")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("runner.replay.one_input", lambda _: one_input)
        assert replay("any", [path]) == 1
    assert "3 bytes are wrong" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["session", "sealed_header", "initial_block", "message"])
def test_an_input_ends_the_same_way_every_time(name: str) -> None:
    """Whatever the library draws follows from the input alone, so a crash can be seen again."""
    streams = []
    for _ in range(3):
        with recorded_draws() as drawn:
            for path in targets.inputs(name)[:20]:
                targets.one_input(name)(path.read_bytes())
        streams.append(drawn)
    # The first time may also build the conversations that a process keeps.
    assert streams[1] == streams[2]


@contextmanager
def recorded_draws() -> Iterator[list[bytes]]:
    drawn: list[bytes] = []
    genuine = FixedSource.draw

    def recording(self: FixedSource, length: int) -> bytes:
        drawn.append(genuine(self, length))
        return drawn[-1]

    with patch.object(FixedSource, "draw", recording):
        yield drawn


@pytest.mark.parametrize("name", ["session", "initial_message"])
def test_the_librarys_own_randomness_is_back_after_a_run(name: str) -> None:
    before = random._source, Kem.encapsulate
    targets.one_input(name)(b"\0\2\0")
    assert (random._source, Kem.encapsulate) == before


def test_the_corpora_are_small() -> None:
    total = sum(path.stat().st_size for name in NAMES for path in targets.inputs(name))
    assert total < 500_000, f"{total} bytes: python fuzz/run.py --seconds 0 --minimize"
