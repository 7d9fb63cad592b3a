"""The relay: a WebSocket server that holds mail and prekeys for devices, and learns addresses, sizes and times only.

    python docs/adapters/relay.py --certificate relay.pem --key relay.key --redis rediss://relay@redis.example:6379

Mail is in Redis before its sender hears so, and stays there until the recipient has saved it: the relay itself can be
killed at any time, and several can run over one Redis. Delivery is at least once; the ratchet makes it exactly once.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import signal
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import frames
from heartbeat import INTERVAL, beat
from mailboxes import Mailboxes, Room
from pseudonyms import QUIET, pseudonym
from redis import CredentialProvider, RedisError
from redis.asyncio import Redis
from resume_tokens import ResumeTokens, shown
from throttle import Rate, Throttle
from tls import client_context, server_context
from together import end, together
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from websockets.asyncio.server import Server, ServerConnection

LOG: Final = logging.getLogger("ratchetlib.relay")

GREETING_TIMEOUT: Final = 10.0
"""Seconds for the first frame: whoever opens connections and says nothing does not keep them."""

WINDOW: Final = 64
"""Envelopes under way to a device that it has not acknowledged: more would only fill its memory."""

READ_AHEAD: Final = 8
"""Envelopes read from a mailbox at once: at most 8 MiB a connection, however slow it is."""

POLL: Final = 5.0
"""Seconds after which a mailbox is looked into although nothing was heard: what is heard is no promise."""

QUEUED_FRAMES: Final = 2
"""Frames read ahead from a connection; behind that, TCP holds the sender back."""

WRITE_BUFFER: Final = 1 << 18
"""Bytes written ahead to a slow connection; behind that, its mail stays in the mailbox."""

SEND_TIMEOUT: Final = 30.0
"""Seconds for which a connection may take nothing before it is closed."""

MAX_CONNECTIONS: Final = 10_000
"""Of one process, let in or not."""

MAX_OF_A_NETWORK: Final = 200
"""Connections of one network address at once: an office behind one address, and no more memory than that."""

PARTING: Final = 1.0
"""Seconds for a device to answer when it is told why it is disconnected; nobody waits for that."""

GUARD: Final = 60.0
"""Seconds after which it is asked whether a device was revoked although nothing was heard of it."""

REDIS_TIMEOUT: Final = 10.0
"""Seconds for which Redis may be silent before it counts as gone: longer than a slow disk, shorter than patience."""

FULL: Final = 5.0
"""Seconds after which to try a full mailbox again."""

NEWS_PAUSE: Final = 1.0
"""Seconds before listening to Redis again after it broke off."""


class NotLetIn(Exception):
    """A connection is to be closed with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Rates(NamedTuple):
    """How much of what is allowed.

    Attributes:
        greeting: connections from a network address: guessing, and the cost of a handshake.
        sending: envelopes from a device.
        peer: envelopes from a device to one other.
        fetching: bundles for a device: draining somebody's one-time items is slow.
        target: items of a device, whoever asks; above that, there are bundles without one.
        publishing: one-time items, and one for the bundle, from a device.
    """

    greeting: Rate = Rate(1, 20)
    sending: Rate = Rate(20, 200)
    peer: Rate = Rate(10, 100)
    fetching: Rate = Rate(1 / 6, 20)
    target: Rate = Rate(1 / 60, 60)
    publishing: Rate = Rate(1 / 36, 2 * frames.MAX_ITEMS)


@dataclass(eq=False, slots=True)
class Line:
    """The connection of a device.

    Attributes:
        address: whose.
        connection: over which.
        room: how many envelopes may still be sent without an acknowledgement.
        unacknowledged: the numbers of those that were sent.
        mail: set when there may be more to send.
        check: set when it may have been revoked.
    """

    address: bytes
    connection: ServerConnection
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WINDOW))
    unacknowledged: set[int] = field(default_factory=set)
    mail: asyncio.Event = field(default_factory=asyncio.Event)
    check: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, frame: frames.Frame) -> None:
        """Send a frame; `TimeoutError` if it is not taken in time."""
        async with asyncio.timeout(SEND_TIMEOUT):
            await self.connection.send(frames.encode(frame))


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
        rates = rates or Rates()
        self._mail = Mailboxes(redis, room, open_registration=open_registration)
        self._tokens = ResumeTokens(redis)
        self._heartbeat = heartbeat
        self._greeting = Throttle(rates.greeting, clock)
        self._sending = Throttle(rates.sending, clock)
        self._peer = Throttle(rates.peer, clock)
        self._fetching = Throttle(rates.fetching, clock)
        self._target = Throttle(rates.target, clock)
        self._publishing = Throttle(rates.publishing, clock)
        self._lines: dict[bytes, Line] = {}
        self._here: Counter[str] = Counter()
        self._parting: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> AsyncIterator[Server]:
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
                ping_interval=None,
                server_header=None,
                logger=QUIET,
            ) as server:
                yield server
        finally:
            await end(waking, *self._parting)

    async def revoke(self, address: bytes) -> None:
        """A device was lost: nothing that it knows lets it in again, and each process disconnects it."""
        await self._mail.bar(address)
        await self._tokens.revoke(address)
        if line := self._lines.get(address):
            self._part(line.connection, frames.REFUSED)

    async def serve(self, connection: ServerConnection) -> None:
        """One connection, from its first frame to its end; none if there are too many."""
        place = network(connection.remote_address)
        if self._here.total() >= MAX_CONNECTIONS or self._here[place] >= MAX_OF_A_NETWORK:
            connection.transport.abort()
            return
        self._here[place] += 1
        try:
            await self._serve(connection)
        finally:
            self._here[place] -= 1
            if not self._here[place]:
                del self._here[place]

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            async with asyncio.timeout(GREETING_TIMEOUT):
                address = await self._greet(connection)
            await self._hold(Line(address, connection))
        except NotLetIn as refused:
            await connection.close(refused.code)
        except (ConnectionClosed, TimeoutError):
            await connection.close()
        except frames.FrameError:
            await connection.close(frames.MALFORMED)
        except RedisError as error:
            LOG.warning("no Redis", extra={"reason": type(error).__name__})
            await connection.close(frames.BUSY)

    async def _greet(self, connection: ServerConnection) -> bytes:
        """Whose connection it is; `NotLetIn`."""
        if self._greeting.wait(network(connection.remote_address)):
            raise NotLetIn(frames.BUSY)
        match frames.decode(await connection.recv()):
            case frames.Login(address, credential):
                if await self._mail.admits(address, credential):
                    return address
                LOG.warning("login refused", extra={"device": pseudonym(address)})
            case frames.Resume(token):
                found = await self._tokens.redeem(token)
                LOG.info("resume", extra={"token": shown(token), "known": found is not None})
                if found is not None:
                    return found
            case _:
                raise frames.FrameError("no first frame")
        raise NotLetIn(frames.REFUSED)

    async def _hold(self, line: Line) -> None:
        """Serve a device until it goes, or until it connects again."""
        before, self._lines[line.address] = self._lines.get(line.address), line
        try:
            if before is not None:
                self._part(before.connection, frames.REPLACED)
            token = await self._tokens.issue(line.address)
            if await self._mail.barred(line.address):  # since it was let in; after this, `revoke` finds the token
                await self._tokens.revoke(line.address)
                raise NotLetIn(frames.REFUSED)
            if self._lines.get(line.address) is not line:
                raise NotLetIn(frames.REPLACED)
            await line.send(frames.Welcome(token))
            LOG.info("connected", extra={"device": pseudonym(line.address), "token": shown(token)})
            pings = beat(line.connection, self._heartbeat)
            await together(self._listen(line), self._deliver(line), self._guard(line), pings)
        finally:
            if self._lines.get(line.address) is line:
                del self._lines[line.address]

    def _part(self, connection: ServerConnection, code: int) -> None:
        """Close a connection with a code, or without, if that takes long: whoever is on it may not answer."""
        parting = asyncio.create_task(_close(connection, code))
        self._parting.add(parting)
        parting.add_done_callback(self._parting.discard)

    async def _guard(self, line: Line) -> None:
        """Until the device is revoked, by whichever process."""
        while True:
            line.check.clear()
            if await self._mail.barred(line.address):
                self._part(line.connection, frames.REFUSED)
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(line.check.wait(), GUARD)

    async def _listen(self, line: Line) -> None:
        async for message in line.connection:
            await self._answer(line, frames.decode(message))

    async def _deliver(self, line: Line) -> None:
        """Send what is in the mailbox, at most a window ahead of the acknowledgements."""
        sent = 0
        while True:
            line.mail.clear()
            found = await self._mail.behind(line.address, sent, READ_AHEAD)
            for mail in found:
                await line.room.acquire()
                line.unacknowledged.add(mail.number)
                await line.send(frames.Deliver(*mail))
                sent = mail.number
            if not found:
                with suppress(TimeoutError):
                    await asyncio.wait_for(line.mail.wait(), POLL)

    async def _wake(self) -> None:
        """Tell each line when its mailbox has got something; all of them when that may have been missed."""
        while True:
            try:
                async for address in self._mail.news():
                    line = self._lines.get(address) if address is not None else None
                    for told in [line] if address is not None else list(self._lines.values()):
                        if told is not None:
                            told.mail.set()
                            told.check.set()
            except RedisError as error:
                LOG.warning("no news from Redis", extra={"reason": type(error).__name__})
            await asyncio.sleep(NEWS_PAUSE)

    async def _answer(self, line: Line, frame: frames.Frame) -> None:
        match frame:
            case frames.Send():
                await self._take(line, frame)
            case frames.Ack(number):
                await self._forget(line, number)
            case frames.Publish():
                await line.send(await self._publish(line.address, frame))
            case frames.Fetch(address):
                await line.send(frames.Bundle(address, *await self._fetch(line.address, address)))
            case _:
                raise frames.FrameError("no frame of a client")

    async def _take(self, line: Line, sent: frames.Send) -> None:
        wait = self._sending.wait(line.address) or self._peer.wait((line.address, sent.to))
        if not wait and not await self._mail.put(sent.id, line.address, sent.to, sent.envelope):
            wait = FULL
        await line.send(frames.Refused(sent.id, _milliseconds(wait)) if wait else frames.Accepted(sent.id))

    async def _forget(self, line: Line, number: int) -> None:
        if number in line.unacknowledged:
            line.unacknowledged.remove(number)
            await self._mail.forget(line.address, number)
            line.room.release()

    async def _publish(self, address: bytes, said: frames.Publish) -> frames.Stock:
        wait = self._publishing.wait(address, 1 + len(said.items))
        if wait:
            LOG.warning("prekeys published too often", extra={"device": pseudonym(address)})
            return frames.Stock(await self._mail.stock(address), _milliseconds(wait))
        return frames.Stock(await self._mail.publish(address, *said), 0)

    async def _fetch(self, asking: bytes, address: bytes) -> tuple[bytes, bytes]:
        if self._fetching.wait(asking):
            LOG.warning("prekeys asked for too often", extra={"device": pseudonym(asking)})
            return b"", b""
        return await self._mail.fetch(address, item=not self._target.wait(address))


async def _close(connection: ServerConnection, code: int) -> None:
    try:
        async with asyncio.timeout(PARTING):
            await connection.close(code)
    except TimeoutError:
        connection.transport.abort()


def network(remote: Any) -> str:  # noqa: ANN401  # whatever the socket says
    """What one subscriber has: an IPv4 address, or 64 bits of IPv6."""
    host = remote[0] if isinstance(remote, tuple) else ""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if found.version == 4:  # noqa: PLR2004  # its name
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def _milliseconds(seconds: float) -> int:
    return 1 + int(seconds * 1000)


class PasswordFile(CredentialProvider):
    """The password of Redis, read anew for each connection: rotate it in the file, and no process restarts."""

    def __init__(self, path: Path, user: str) -> None:
        self._path = path
        self._user = user

    def get_credentials(self) -> tuple[str, str]:
        """Name and password."""
        return self._user, self._path.read_text(encoding="utf-8").strip()

    async def get_credentials_async(self) -> tuple[str, str]:
        """The same."""
        return self.get_credentials()


def connect_redis(options: argparse.Namespace) -> Redis:
    """A Redis over TLS, or over a socket of this machine; no other."""
    settings: dict[str, Any] = {"socket_timeout": REDIS_TIMEOUT, "socket_connect_timeout": REDIS_TIMEOUT}
    if options.redis.startswith("rediss://"):
        settings |= {"ssl_min_version": client_context().minimum_version, "ssl_check_hostname": True}
        if options.redis_authority:
            settings["ssl_ca_certs"] = str(options.redis_authority)
    elif not options.redis.startswith("unix://"):
        raise ValueError("Redis is reached by rediss:// or unix://")
    if options.redis_password:
        settings["credential_provider"] = PasswordFile(options.redis_password, options.redis_user)
    return Redis.from_url(options.redis, **settings)


async def run(options: argparse.Namespace) -> None:
    """Serve until the process ends. SIGHUP has the certificate read again."""
    redis = connect_redis(options)
    await redis.ping()
    context = server_context(options.certificate, options.key)
    renew = context.load_cert_chain
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, renew, options.certificate, options.key)
    async with Relay(redis).listen(options.host, options.port, context) as server:
        LOG.info("listening")
        await server.serve_forever()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--certificate", type=Path, required=True, help="the chain, as PEM; SIGHUP reads it again")
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--redis", default="unix:///run/redis/redis.sock", help="rediss:// or unix://")
    parser.add_argument("--redis-authority", type=Path, help="the only certificate authority to trust for it")
    parser.add_argument("--redis-user", default="default")
    parser.add_argument("--redis-password", type=Path, help="a file; it is read again for each connection")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
