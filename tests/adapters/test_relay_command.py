"""The relay's own command: what it writes, enough to follow a device and a token; how it goes on, and how it ends."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import frames
import pytest
import redis
import redis_link
import relay
import resume_tokens
from adapters.pages import ADAPTERS
from adapters.relay_command import ALICE, BOB, Command, running_command
from adapters.relays import PATIENCE, credential, run, until
from self_signed import self_signed
from support.leaks import leaked

if TYPE_CHECKING:
    import argparse

    from adapters.redis_server import RedisServer


@pytest.fixture
def ended(redis_server: RedisServer, tmp_path: Path) -> tuple[Command, list[bytes]]:
    """A relay after a day, and the tokens that it gave out."""
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
        client.flushall()
    with running_command(redis_server.socket, tmp_path) as command:
        return command, asyncio.run(command.day())


def test_a_certificate_that_does_not_fit_its_key_changes_nothing_and_the_end_is_quiet(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    new, its_key = self_signed(tmp_path / "new")
    with running_command(redis_server.socket, tmp_path) as command:
        old = Path(shutil.copy(command.certificate, tmp_path / "old.pem"))
        shutil.copy(new, command.certificate)
        asyncio.run(renewed(command, "certificate not renewed", old))
        shutil.copy(its_key, command.key)
        asyncio.run(renewed(command, "certificate renewed", new))
        command.process.send_signal(signal.SIGINT)
        assert command.process.wait(PATIENCE) == 0
        assert "Traceback" not in command.log.read_text(encoding="utf-8")


async def renewed(command: Command, told: str, authority: Path) -> None:
    """Upon a signal it says so, and this certificate is shown to the next device."""
    command.process.send_signal(signal.SIGHUP)
    await until(lambda: command.said(told))
    async with command.device(frames.Login(ALICE, bytes(32)), authority) as refused:
        assert await refused.closed() == frames.REFUSED


def families() -> set[socket.AddressFamily]:
    """Those of this machine."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return {socket.AF_INET}
    return {socket.AF_INET, socket.AF_INET6}


def test_it_listens_on_all_interfaces_unless_one_is_named(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[argparse.Namespace] = []
    monkeypatch.setattr(relay, "start_logging", lambda: None)
    monkeypatch.setattr(relay, "run", given.append)
    monkeypatch.setattr(asyncio, "run", lambda _: None)
    monkeypatch.setattr("sys.argv", ["relay.py", "--certificate", "x", "--key", "y"])
    relay.main()
    monkeypatch.undo()

    async def inner() -> None:
        async with (
            redis_link.connect_redis(f"unix://{redis_server.socket}") as client,
            relay.Relay(client).listen(given[0].host, 0, None) as server,
        ):
            assert {found.family for found in server.sockets} == families()

    run(inner(), redis_server)


@pytest.mark.attack("A114")
def test_its_log_shows_hashes_of_tokens_and_no_secret(ended: tuple[Command, list[bytes]]) -> None:
    command, tokens = ended
    text = command.log.read_text(encoding="utf-8")
    assert [record["hash"] for record in command.said("connected")] == [resume_tokens.shown(token) for token in tokens]
    (resumed,) = command.said("resume")
    assert (resumed["hash"], resumed["known"]) == (resume_tokens.shown(tokens[0]), True)
    assert leaked(text, {part[:6] for part in (*tokens, credential(ALICE), credential(BOB))}) == set()
    assert not [name for name in ("alice", "bob/", "127.0.0.1") if name in text]


def test_a_device_that_was_locked_out_can_be_followed(ended: tuple[Command, list[bytes]]) -> None:
    command, _ = ended
    (revoked,) = command.said("revoked")
    of_alice, of_bob = command.said("login refused")
    assert [record["device"] for record in (*command.said("connected"), of_alice)] == [revoked["device"]] * 3
    assert (of_alice["barred"], of_bob["barred"]) == (True, False)
    assert of_bob["device"] != revoked["device"]


@pytest.mark.attack("A114")
def test_whatever_else_it_logs_is_redacted() -> None:
    program = """
import logging, relay
relay.start_logging()
logging.getLogger("asyncio").error("lost %s of alice/laptop", {"token": "opensesame"})
"""
    ended = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", program], env={"PYTHONPATH": str(ADAPTERS)}, capture_output=True, text=True, check=True
    )
    (line,) = ended.stderr.splitlines()
    assert json.loads(line)["logger"] == "asyncio"
    assert [secret for secret in ("opensesame", "alice") if secret in line] == []
