"""Pings come on a clock of their own, which nobody can read off."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

import heartbeat
import pytest
from websockets.exceptions import ConnectionClosedOK


class Connection:
    """Counts pings; answers them or not, and ends after some."""

    def __init__(self, pings: int, *, answers: bool = True) -> None:
        self.pings = 0
        self.closed: tuple[Any, ...] = ()
        self._most = pings
        self._answers = answers

    async def ping(self) -> asyncio.Future[float]:
        if self.pings == self._most:
            raise ConnectionClosedOK(None, None)
        self.pings += 1
        pong = asyncio.get_running_loop().create_future()
        if self._answers:
            pong.set_result(0.0)
        return pong

    async def close(self, *reason: Any) -> None:
        self.closed = reason


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
    connection = Connection(3, answers=False)
    beat(connection, monkeypatch, timeout=0.01)
    assert connection.pings == 1
    assert connection.closed[0] == 1011


def test_the_end_of_the_connection_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(2)
    beat(connection, monkeypatch)
    assert (connection.pings, connection.closed) == (2, ())
