"""The relay: a WebSocket server that holds mail and prekeys for devices, and learns addresses, sizes and times only.

    python docs/adapters/relay.py --certificate relay.pem --key relay.key --redis rediss://relay@redis.example:6379

Mail is in Redis before its sender hears so, and stays there until the recipient has saved it: the relay itself can be
killed at any time, and several can run over one Redis. Delivery is at least once; the ratchet makes it exactly once.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import frames
import redaction
from allowances import Allowances, Rates
from answers import Answers
from door import Door, NotLetIn
from fullness import Fullness
from heartbeat import INTERVAL, HeardServer, beat
from json_lines import JsonFormatter
from line import Line
from mailboxes import Mailboxes, Room
from networks import Places, network
from partings import Partings
from pseudonyms import QUIET, pseudonym
from redis import RedisError
from redis_link import connect_redis
from relay_log import RelayLog
from resume_tokens import ResumeTokens, shown
from tls import renew, server_context
from together import end, together
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from redis.asyncio import Redis
    from websockets.asyncio.server import Server, ServerConnection

LOG: Final = logging.getLogger("ratchetlib.relay")

QUEUED_FRAMES: Final = 2
"""Frames read ahead from a connection; behind that, TCP holds the sender back."""

WRITE_BUFFER: Final = 1 << 15
"""Bytes written ahead to a slow connection; behind that, its mail stays in the mailbox. No more than the slowest line
takes in time, with an envelope on top."""

NEWS_PAUSE: Final = 1.0
"""Seconds before listening to Redis again after it broke off."""


class Relay:
    """One process of the relay."""

    def __init__(
        self,
        redis: Redis,
        *,
        rates: Rates | None = None,
        room: Room | None = None,
        clock: Callable[[], float] = time.monotonic,
        heartbeat: float = INTERVAL,
        open_registration: bool = False,
    ) -> None:
        """All of its memory is in a Redis.

        Args:
            redis: see `mailboxes`.
            rates: what is allowed.
            room: of a mailbox.
            clock: monotonic seconds.
            heartbeat: seconds between pings, on average.
            open_registration: see `Mailboxes`; for demonstrations.
        """
        allowances = Allowances(rates or Rates(), clock)
        self._log = RelayLog(clock)
        self._mailboxes = Mailboxes(redis, room, open_registration=open_registration)
        self._door = Door(self._mailboxes, ResumeTokens(redis), allowances, self._log)
        self._answers = Answers(self._mailboxes, Fullness(redis, clock), allowances, self._log)
        self._places = Places()
        self._partings = Partings()
        self._heartbeat = heartbeat
        self._lines: dict[bytes, Line] = {}

    @asynccontextmanager
    async def listen(self, host: str | None, port: int, context: ssl.SSLContext | None) -> AsyncIterator[Server]:
        """Serve inside the block. Compression is off: it would leak through sizes, and sealed bytes do not shrink."""
        waking = asyncio.create_task(self._wake())
        try:
            async with serve(
                self.serve,
                host,
                port,
                ssl=context,
                compression=None,
                max_size=frames.MAX_FRAME,
                max_queue=QUEUED_FRAMES,
                write_limit=WRITE_BUFFER,
                create_connection=HeardServer,
                ping_interval=None,
                server_header=None,
                logger=QUIET,
            ) as server:
                yield server
        finally:
            await end(waking)
            await self._partings.end()

    async def revoke(self, address: bytes) -> None:
        """A device was lost: nothing that it knows lets it in again, and each process disconnects it."""
        await self._door.revoke(address)
        self._part(address)

    async def serve(self, connection: ServerConnection) -> None:
        """One connection, from its first frame to its end; none if there are too many."""
        with self._places.take(network(connection.remote_address)) as taken:
            if taken:
                await self._serve(connection)
            else:
                connection.transport.abort()

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            address = await self._door.greet(connection)
            await self._hold(Line(address, connection, self._mailboxes))
        except NotLetIn as refused:
            await connection.close(refused.code)
        except (ConnectionClosed, TimeoutError):
            await connection.close()
        except frames.FrameError:
            await connection.close(frames.MALFORMED)
        except RedisError as error:
            self._log.warn("no Redis", reason=type(error).__name__)
            await connection.close(frames.BUSY)

    async def _hold(self, line: Line) -> None:
        """Serve a device until it goes, or until it connects again."""
        before, self._lines[line.address] = self._lines.get(line.address), line
        try:
            if before is not None:
                self._partings.begin(before.connection, frames.REPLACED)
            token = await self._door.token(line.address)
            if self._lines.get(line.address) is not line:
                raise NotLetIn(frames.REPLACED)
            await line.send(frames.Welcome(token))
            LOG.info("connected", extra={"device": pseudonym(line.address), "hash": shown(token)})
            pings = beat(line.connection, self._heartbeat)
            await together(self._listen(line), line.deliver(), self._guard(line, token), pings)
        finally:
            if self._lines.get(line.address) is line:
                del self._lines[line.address]

    async def _listen(self, line: Line) -> None:
        async for message in line.connection:
            match frames.decode(message):
                case frames.Ack(number):
                    await line.acknowledged(number)
                case frame:
                    await line.send(await self._answers.to(line.address, frame))

    async def _guard(self, line: Line, token: bytes) -> None:
        code = await line.dismissed(lambda: self._door.dismissal(line.address, token))
        if code == frames.REFUSED:
            self._part(line.address)
        else:
            self._partings.begin(line.connection, code)

    def _part(self, address: bytes) -> None:
        """From a device that was revoked, if it is connected."""
        if line := self._lines.pop(address, None):
            LOG.warning("revoked", extra={"device": pseudonym(address)})
            self._partings.begin(line.connection, frames.REFUSED)

    async def _wake(self) -> None:
        """Tell each line when its mailbox has got something; all of them when that may have been missed."""
        while True:
            try:
                async for address in self._mailboxes.news():
                    line = self._lines.get(address) if address is not None else None
                    for told in [line] if address is not None else list(self._lines.values()):
                        if told is not None:
                            told.wake()
            except RedisError as error:
                self._log.warn("no news from Redis", reason=type(error).__name__)
            await asyncio.sleep(NEWS_PAUSE)


def start_logging() -> None:
    """To stderr, redacted, as lines of JSON."""
    redaction.install()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


async def run(options: argparse.Namespace) -> None:
    """Serve until the process ends. SIGHUP has the certificate read again."""
    redis = connect_redis(
        options.redis, authority=options.redis_authority, user=options.redis_user, password=options.redis_password
    )
    await redis.ping()
    context = server_context(options.certificate, options.key)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _renew, context, options.certificate, options.key)
    async with Relay(redis).listen(options.host, options.port, context) as server:
        LOG.info("listening", extra={"port": server.sockets[0].getsockname()[1]})
        await server.serve_forever()


def _renew(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        renew(context, certificate, key)
    except OSError as error:
        LOG.error("certificate not renewed", extra={"reason": type(error).__name__})  # noqa: TRY400  # it names the files
    else:
        LOG.info("certificate renewed")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", help="all interfaces if it is not given")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--certificate", type=Path, required=True, help="the chain, as PEM; SIGHUP reads it again")
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--redis", default="unix:///run/redis/redis.sock", help="rediss:// or unix://")
    parser.add_argument("--redis-authority", type=Path, help="the only certificate authority to trust for it")
    parser.add_argument("--redis-user", default="default")
    parser.add_argument("--redis-password", type=Path, help="a file; it is read again for each connection")
    options = parser.parse_args()
    start_logging()
    with suppress(KeyboardInterrupt):
        asyncio.run(run(options))


if __name__ == "__main__":
    main()
