"""The relay: a WebSocket server that holds mail and prekeys for devices, and learns addresses, sizes and times only.

    python docs/adapters/relay.py --certificate relay.pem --key relay.key --redis rediss://…

Mail is in Redis before its sender hears so, and stays there until the recipient has saved it: the relay itself can be
killed at any time, and several can run over one Redis. Delivery is at least once; the ratchet makes it exactly once.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import frames
from heartbeat import INTERVAL, beat
from mailboxes import Mailboxes
from pseudonyms import pseudonym
from redis.asyncio import Redis
from resume_tokens import ResumeTokens, shown
from throttle import Rate, Throttle
from tls import client_context, server_context
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from websockets.asyncio.server import Server, ServerConnection

LOG: Final = logging.getLogger("ratchetlib.relay")

GREETING_TIMEOUT: Final = 10.0
"""Seconds for the first frame: whoever opens connections and says nothing does not keep them."""

WINDOW: Final = 64
"""Envelopes under way to a device that it has not acknowledged: more would only fill its memory."""

POLL: Final = 5.0
"""Seconds that one wait for mail lasts."""

QUEUED_FRAMES: Final = 16
"""Frames read ahead from a connection; behind that, TCP holds the sender back."""

WRITE_BUFFER: Final = 1 << 18
"""Bytes written ahead to a slow connection; behind that, its mail stays in the mailbox."""

SEND_TIMEOUT: Final = 30.0
"""Seconds for which a connection may take nothing before it is closed."""

REFUSED, REPLACED, MALFORMED = 4001, 4002, 4003
"""Close codes: not let in; the device has connected again; not a frame."""

FULL: Final = 5.0
"""Seconds after which to try a full mailbox again."""


class Rates(NamedTuple):
    """How much of what is allowed.

    Attributes:
        greeting: first frames from a network address: guessing, and the cost of a handshake.
        sending: envelopes from a device.
        peer: envelopes from a device to one other.
        fetching: bundles for a device: draining somebody's one-time items is slow.
        target: bundles of a device, whoever asks.
    """

    greeting: Rate = Rate(1, 20)
    sending: Rate = Rate(20, 200)
    peer: Rate = Rate(10, 100)
    fetching: Rate = Rate(1 / 6, 20)
    target: Rate = Rate(1, 60)


@dataclass(eq=False, slots=True)
class Line:
    """The connection of a device.

    Attributes:
        address: whose.
        connection: over which.
        room: how many envelopes may still be sent without an acknowledgement.
        unacknowledged: the numbers of those that were sent.
    """

    address: bytes
    connection: ServerConnection
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WINDOW))
    unacknowledged: set[int] = field(default_factory=set)

    async def send(self, frame: frames.Frame) -> None:
        """Send a frame; close the connection if it is not taken in time."""
        async with asyncio.timeout(SEND_TIMEOUT):
            await self.connection.send(frames.encode(frame))


class Relay:
    """One process of the relay."""

    def __init__(
        self,
        redis: Redis,
        *,
        rates: Rates | None = None,
        clock: Callable[[], float] = time.monotonic,
        heartbeat: float = INTERVAL,
    ) -> None:
        """All of its memory is in a Redis.

        Args:
            redis: see `mailboxes`.
            rates: what is allowed.
            clock: monotonic seconds.
            heartbeat: seconds between pings, on average.
        """
        rates = rates or Rates()
        self._mail = Mailboxes(redis)
        self._tokens = ResumeTokens(redis)
        self._heartbeat = heartbeat
        self._greeting = Throttle(rates.greeting, clock)
        self._sending = Throttle(rates.sending, clock)
        self._peer = Throttle(rates.peer, clock)
        self._fetching = Throttle(rates.fetching, clock)
        self._target = Throttle(rates.target, clock)
        self._lines: dict[bytes, Line] = {}

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> Server:
        """Start. Compression is off: it would leak through sizes, and sealed bytes do not shrink."""
        return await serve(
            self.serve,
            host,
            port,
            ssl=context,
            compression=None,
            max_size=frames.MAX_FRAME,
            max_queue=QUEUED_FRAMES,
            write_limit=WRITE_BUFFER,
            ping_interval=None,
            server_header=None,
        )

    async def revoke(self, address: bytes) -> None:
        """A device was lost: its tokens are void and it is disconnected. Its credential is the accounts' business."""
        await self._tokens.revoke(address)
        if line := self._lines.get(address):
            await line.connection.close(REFUSED)

    async def serve(self, connection: ServerConnection) -> None:
        """One connection, from its first frame to its end."""
        try:
            async with asyncio.timeout(GREETING_TIMEOUT):
                address = await self._greet(connection)
            if address is None:
                await connection.close(REFUSED)
            else:
                await self._hold(Line(address, connection))
        except (ConnectionClosed, TimeoutError):
            await connection.close()
        except frames.FrameError:
            await connection.close(MALFORMED)

    async def _greet(self, connection: ServerConnection) -> bytes | None:
        """Whose connection it is, or None."""
        if self._greeting.wait(connection.remote_address[:1] if connection.remote_address else ()):
            return None
        match frames.decode(await connection.recv()):
            case frames.Login(address, credential):
                if not await self._mail.admits(address, credential):
                    LOG.warning("login refused", extra={"device": pseudonym(address)})
                    return None
            case frames.Resume(token):
                found = await self._tokens.redeem(token)
                LOG.info("resume", extra={"token": shown(token), "known": found is not None})
                if found is None:
                    return None
                address = found
            case _:
                return None
        fresh = await self._tokens.issue(address)
        await connection.send(frames.encode(frames.Welcome(fresh)))
        LOG.info("connected", extra={"device": pseudonym(address), "token": shown(fresh)})
        return address

    async def _hold(self, line: Line) -> None:
        """Serve a device until it goes, or until it connects again."""
        before, self._lines[line.address] = self._lines.get(line.address), line
        if before is not None:
            await before.connection.close(REPLACED)
        tasks = [asyncio.create_task(self._deliver(line)), asyncio.create_task(beat(line.connection, self._heartbeat))]
        try:
            async for message in line.connection:
                await self._answer(line, frames.decode(message))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._lines.get(line.address) is line:
                del self._lines[line.address]

    async def _deliver(self, line: Line) -> None:
        """Send what is in the mailbox, at most a window ahead of the acknowledgements."""
        after = 0
        try:
            while True:
                for mail in await self._mail.wait(line.address, after, WINDOW, POLL):
                    await line.room.acquire()
                    line.unacknowledged.add(mail.number)
                    await line.send(frames.Deliver(*mail))
                    after = mail.number
        except (ConnectionClosed, TimeoutError):
            await line.connection.close()

    async def _answer(self, line: Line, frame: frames.Frame) -> None:
        match frame:
            case frames.Send():
                await self._take(line, frame)
            case frames.Ack(number):
                await self._forget(line, number)
            case frames.Publish(bundle, items):
                await line.send(frames.Stock(await self._mail.publish(line.address, bundle, items)))
            case frames.Fetch(address):
                await line.send(frames.Bundle(address, *await self._fetch(line.address, address)))
            case _:
                raise frames.FrameError("no frame of a client")

    async def _take(self, line: Line, sent: frames.Send) -> None:
        wait = self._sending.wait(line.address) or self._peer.wait((line.address, sent.to))
        if not wait and not await self._mail.put(sent.id, line.address, sent.to, sent.envelope):
            wait = FULL
        await line.send(frames.Refused(sent.id, 1 + int(wait * 1000)) if wait else frames.Accepted(sent.id))

    async def _forget(self, line: Line, number: int) -> None:
        if number in line.unacknowledged:
            line.unacknowledged.remove(number)
            await self._mail.forget(line.address, number)
            line.room.release()

    async def _fetch(self, asking: bytes, address: bytes) -> tuple[bytes, bytes]:
        if self._fetching.wait(asking) or self._target.wait(address):
            LOG.warning("prekeys asked for too often", extra={"device": pseudonym(asking)})
            return b"", b""
        return await self._mail.fetch(address)


async def run(options: argparse.Namespace) -> None:
    """Serve until the process ends."""
    secure: dict[str, Any] = {}
    if options.redis.startswith("rediss:"):
        secure = {"ssl_min_version": client_context().minimum_version}
    redis = Redis.from_url(options.redis, password=os.environ.get("REDIS_PASSWORD"), **secure)
    server = await Relay(redis).listen(options.host, options.port, server_context(options.certificate, options.key))
    LOG.info("listening")
    await server.serve_forever()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument(
        "--redis", default="unix:///run/redis/redis.sock", help="rediss://… or a socket of this machine"
    )
    logging.basicConfig(level=logging.INFO)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
