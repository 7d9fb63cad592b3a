"""The relay as an operator runs it: its command, in a process of its own, and what that writes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import frames
import relay
from adapters.relays import PATIENCE, Raw, credential
from mailboxes import Mailboxes
from pseudonyms import QUIET
from redis.asyncio import Redis
from relay import Relay
from self_signed import self_signed
from tls import client_context
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

ALICE, BOB = b"alice/laptop", b"bob/phone"


@dataclass
class Command:
    """A relay that runs.

    Attributes:
        socket: of its Redis.
        certificate: its own.
        key: its own.
        log: what it has written.
        process: itself.
    """

    socket: Path
    certificate: Path
    key: Path
    log: Path
    process: subprocess.Popen[bytes]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def said(self, text: str) -> list[dict[str, Any]]:
        return [record for record in self.records() if record["text"] == text]

    @asynccontextmanager
    async def device(self, greeting: frames.Frame, authority: Path | None = None) -> AsyncIterator[Raw]:
        """A device that has said its first frame."""
        (listening,) = self.said("listening")
        settings: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None, "logger": QUIET}
        context = client_context(authority or self.certificate)
        async with connect(f"wss://localhost:{listening['port']}", ssl=context, **settings) as connection:
            connected = Raw(connection)
            await connected.say(greeting)
            yield connected

    async def day(self) -> list[bytes]:
        """Alice logs in, resumes, and is locked out by another process; her tokens. Somebody guesses for Bob."""
        tokens = []
        async with Redis(unix_socket_path=str(self.socket)) as redis:
            await Mailboxes(redis).register(ALICE, credential(ALICE))
            async with self.device(frames.Login(ALICE, credential(ALICE))) as alice:
                tokens.append((await alice.hear()).token)
            async with self.device(frames.Resume(tokens[0])) as alice:
                tokens.append((await alice.hear()).token)
                await Relay(redis).revoke(ALICE)
                assert await alice.closed() == frames.REFUSED
        for address in (ALICE, BOB):
            async with self.device(frames.Login(address, credential(address))) as refused:
                assert await refused.closed() == frames.REFUSED
        return tokens


@contextmanager
def running_command(socket: Path, folder: Path) -> Iterator[Command]:
    """From when it listens until it is killed."""
    certificate, key = self_signed(folder)
    log = folder / "relay.log"
    arguments = ["--host", "127.0.0.1", "--port", "0", "--certificate", certificate, "--key", key]
    with log.open("wb") as written:
        process = subprocess.Popen(  # noqa: S603  # our own arguments
            [sys.executable, relay.__file__, *arguments, "--redis", f"unix://{socket}"], stderr=written
        )
    found = Command(socket, certificate, key, log, process)
    try:
        until = time.monotonic() + PATIENCE
        while b"listening" not in log.read_bytes():
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < until, "the relay does not start"
            time.sleep(0.05)
        yield found
    finally:
        process.kill()
        process.wait()
