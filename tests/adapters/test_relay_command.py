"""What the relay's own command writes: enough to follow a device and a token, and no secret."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import redis
import resume_tokens
from adapters.pages import ADAPTERS
from adapters.relay_command import ALICE, BOB, Command, running_command
from adapters.relays import credential
from support.leaks import leaked

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.redis_server import RedisServer


@pytest.fixture
def ended(redis_server: RedisServer, tmp_path: Path) -> tuple[Command, list[bytes]]:
    """A relay after a day, and the tokens that it gave out."""
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
        client.flushall()
    with running_command(redis_server.socket, tmp_path) as command:
        return command, asyncio.run(command.day())


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
