"""Pings come on a clock of their own, which nobody can read off."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

import heartbeat
import pytest
from websockets.exceptions import ConnectionClosedOK


class Connection:
    """Counts pings; of its peer something comes in or not, and it ends after some."""

    def __init__(self, pings: int, *, answers: bool = True) -> None:
        self.pings = 0
        self.heard = 0
        self.aborted = False
        self.transport = self
        self._most = pings
        self._answers = answers

    async def ping(self) -> None:
        if self.pings == self._most or self.aborted:
            raise ConnectionClosedOK(None, None)
        self.pings += 1
        self.heard += self._answers

    def abort(self) -> None:
        self.aborted = True


def beat(connection: Any, monkeypatch: pytest.MonkeyPatch, **settings: float) -> list[float]:
    """The pauses between pings."""
    pauses = []
    sleep = asyncio.sleep

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(heartbeat.asyncio, "sleep", slept)
    asyncio.run(heartbeat.beat(connection, **settings))
    return pauses


@pytest.mark.attack("A111")
def test_intervals_are_jittered_by_ten_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = beat(Connection(400), monkeypatch, interval=30.0)
    assert all(27 <= pause <= 33 for pause in pauses)
    assert min(pauses) < 28
    assert max(pauses) > 32
    assert len(set(pauses)) == len(pauses)
    assert statistics.mean(pauses) == pytest.approx(30, abs=1)


@pytest.mark.attack("A111")
def test_the_random_source_is_the_systems() -> None:
    assert type(heartbeat._random).__name__ == "SystemRandom"


def test_a_silent_peer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(10**9, answers=False)
    beat(connection, monkeypatch, timeout=0.01)
    assert connection.aborted


def test_a_peer_of_whom_something_comes_in_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers may be behind much else."""

    class Slow(Connection):
        async def ping(self) -> None:
            await super().ping()
            asyncio.get_running_loop().call_later(0.02, self._trickle)
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.05)

        def _trickle(self) -> None:
            self.heard += 1

    connection = Slow(5, answers=False)
    beat(connection, monkeypatch, timeout=0.04)
    assert (connection.pings, connection.aborted) == (5, False)


def test_the_end_of_the_connection_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(2)
    beat(connection, monkeypatch)
    assert (connection.pings, connection.aborted) == (2, False)
