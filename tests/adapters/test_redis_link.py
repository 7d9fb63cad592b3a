"""How the relay reaches its Redis, with a real one: many devices, and no more rights than it needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import frames
import line
import networks
import pytest
import redis_link
from adapters.relays import credential, raw, run, running
from redis.asyncio import Redis
from redis_link import connect_redis

if TYPE_CHECKING:
    from adapters.redis_server import RedisServer
    from adapters.relays import Raw

MANY = 240
"""Devices: more than a pool of redis-py has connections."""


async def held(connected: Raw, stay: asyncio.Event, there: list[bytes], address: bytes) -> int:
    """Log in, stay, and ask something at the end."""
    await connected.greet(frames.Login(address, credential(address)))
    there.append(address)
    await stay.wait()
    assert isinstance(await connected.ask(frames.Fetch(address)), frames.Bundle)
    return len(there)


@pytest.mark.attack("A26")
def test_many_devices_log_in_at_once_and_stay_when_redis_drops_the_news(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "MAX_OF_A_NETWORK", 2 * MANY)
    monkeypatch.setattr(line, "POLL", 1e6)

    async def inner() -> None:
        redis = connect_redis(f"unix://{redis_server.socket}")
        async with running(redis_server, redis=redis) as at, Redis(unix_socket_path=str(redis_server.socket)) as admin:
            stay, there = asyncio.Event(), list[bytes]()

            async def one(address: bytes) -> int:
                async with raw(at) as connected:
                    return await held(connected, stay, there, address)

            devices = [asyncio.create_task(one(b"device/%d" % number)) for number in range(MANY)]
            while len(there) < MANY:
                assert not [task for task in devices if task.done() and task.result()]
                await asyncio.sleep(0.02)
            await admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.sleep(2)
            stay.set()
            assert await asyncio.gather(*devices) == [MANY] * MANY
            assert len(await admin.client_list()) <= redis_link.REDIS_CONNECTIONS + 1

    run(inner(), redis_server)


@pytest.mark.parametrize(
    "address",
    [
        "rediss://redis.example?ssl_ca_certs=ca.pem&ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=",
        "rediss://redis.example?ssl_check_hostname=no",
    ],
)
def test_an_address_that_sets_something_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="query"):
        connect_redis(address)
