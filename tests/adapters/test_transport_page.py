"""transport.md: its program runs, its commands exist, its tables say what the code does."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import allowances
import client
import door
import frames
import fullness
import heartbeat
import incoming
import line
import mailboxes
import networks
import outgoing
import pytest
import redis_link
import resume_tokens
from adapters.pages import ADAPTERS, blocks, dead_links
from adapters.places import scratch
from adapters.redis_server import RedisServer, program
from allowances import Rates
from mailboxes import KEPT, Mailboxes, Room
from redis_link import connect_redis

ROOT = Path(__file__).parents[2]
PAGE = (ADAPTERS / "transport.md").read_text(encoding="utf-8")


def test_the_program_runs() -> None:
    program()  # skips where there is no Redis
    text, _ = blocks("transport.md")
    folder = scratch()
    ended = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-W", "error", "-c", text],
        check=False, cwd=folder, env={**os.environ, "PYTHONPATH": str(ADAPTERS)}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert ended.stderr == ""
    assert ended.stdout == "alice says hello\n"


def test_who_is_registered_as_the_page_says_is_let_in(redis_server: RedisServer) -> None:
    _, text = blocks("transport.md")
    assert text.count("/run/redis/redis.sock") == 1
    ended = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-W", "error", "-c", text.replace("/run/redis/redis.sock", str(redis_server.socket))],
        check=False, env={**os.environ, "PYTHONPATH": str(ADAPTERS)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.stderr == ""

    async def admitted() -> bool:
        async with connect_redis(f"unix://{redis_server.socket}") as redis:
            return await Mailboxes(redis).admits(b"alice", bytes(32))

    assert asyncio.run(admitted())


def commands() -> list[str]:
    lines = "\n".join(blocks("transport.md", "sh")).replace("\\\n", " ").splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.startswith("python ")]


@pytest.mark.parametrize("command", commands())
def test_a_command_is_one(command: str) -> None:
    """With --help at its end it does nothing but check what stands before."""
    _, *arguments = shlex.split(command)
    ended = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, *arguments, "--help"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0
    options = {argument for argument in arguments if argument.startswith("--")}
    assert not [option for option in options if option not in ended.stdout]


def test_every_link_is_there() -> None:
    assert dead_links("transport.md") == []


def test_the_frames_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [(str(number), kind.__name__) for number, kind in enumerate(frames._KINDS)]
    codes = {"4001": frames.REFUSED, "4002": frames.REPLACED, "4003": frames.MALFORMED, "4004": frames.BUSY}
    assert all(int(code) == value and code in PAGE for code, value in codes.items())


def test_the_limits_are_those_of_the_code() -> None:
    rates, room = Rates(), Room()
    for rate in rates:
        assert rate.burst == int(rate.burst)
    rows = [
        f"| {frames.MAX_FRAME >> 10} KiB; {frames.MAX_ENVELOPE >> 10} KiB; 1 byte less than 64 KiB |",
        f"| {frames.SLOWEST >> 10} KiB a second |",
        f"| {rates.sending.a_second} a second after {rates.sending.burst};",
        f"; {rates.peer.a_second} a second after {rates.peer.burst} |",
        f"| {rates.greeting.a_second} a second after {rates.greeting.burst} |",
        f"| one in {1 / rates.fetching.a_second:.0f} seconds after {rates.fetching.burst} |",
        f"| {rates.target.a_second * 60:.0f} a minute after {rates.target.burst}; then bundles without one |",
        f"| {rates.publishing.a_second * 3600:.0f} an hour after {rates.publishing.burst} |",
        f"| {room.envelopes:,} envelopes, {room.size >> 20} MiB, {room.share:,} of one sender;",
        f"; {room.share_size >> 20} MiB of one sender; kept for {KEPT // 86400} days after the last |",
        f"| up to {allowances.CHARGED >> 10} KiB; a larger one as several |",
        f"each envelope with {mailboxes.OVERHEAD} bytes more | {room.total >> 20} MiB |",
        f"| {fullness.FULL * 100:.0f} % of its `maxmemory` |",
        f"| {networks.MAX_OF_A_NETWORK}; {networks.MAX_CONNECTIONS:,} |",
        f"| {incoming.HELD}; {incoming.HELD_IN_ALL} |",
        f"| {outgoing.SILENCE:.0f} s; {redis_link.REDIS_TIMEOUT:.0f} s |",
        f"| {redis_link.REDIS_CONNECTIONS}; {redis_link.REDIS_QUEUE:.0f} s |",
        f"| {client.FIRST_PAUSE} s to {client.LAST_PAUSE:.0f} s; {client.LASTED:.0f} s |",
        f"| {line.WINDOW} unacknowledged; {line.READ_AHEAD} |",
        f"| {door.GREETING_TIMEOUT:.0f} s; {line.SEND_TIMEOUT:.0f} s; {heartbeat.PONG_TIMEOUT:.0f} s |",
        f"| every {heartbeat.INTERVAL:.0f} s, each {heartbeat.JITTER * 100:.0f} % earlier or later at random |",
        f"| {resume_tokens.LIFETIME // 3600} hours, one use |",
    ]
    assert client.MAX_PLAINTEXT == (64 << 10) - 1
    assert [row for row in rows if row not in PAGE] == []
