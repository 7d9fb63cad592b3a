"""Tokens are random, single-use, revocable, and nowhere but with their device."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import resume_tokens
from adapters.relays import run
from redis.asyncio import Redis
from resume_tokens import ResumeTokens
from support.leaks import leaked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.redis_server import RedisServer


def with_tokens(server: RedisServer, work: Callable[[ResumeTokens], Awaitable[None]], lifetime: int = 60) -> None:
    async def inner() -> None:
        async with Redis(unix_socket_path=str(server.socket)) as redis:
            await work(ResumeTokens(redis, lifetime))

    run(inner(), server)


@pytest.mark.attack("A114")
def test_a_token_is_good_once(redis_server: RedisServer) -> None:
    async def work(tokens: ResumeTokens) -> None:
        token = await tokens.issue(b"alice")
        assert await tokens.redeem(token) == b"alice"
        assert await tokens.redeem(token) is None

    with_tokens(redis_server, work)


@pytest.mark.attack("A114")
def test_of_many_that_redeem_one_token_at_once_one_is_let_in(redis_server: RedisServer) -> None:
    async def work(tokens: ResumeTokens) -> None:
        token = await tokens.issue(b"alice")
        found = await asyncio.gather(*(tokens.redeem(token) for _ in range(30)))
        assert sorted(address or b"" for address in found) == [b""] * 29 + [b"alice"]

    with_tokens(redis_server, work)


@pytest.mark.attack("A114")
def test_a_new_token_replaces_the_old_one_of_the_same_device_only(redis_server: RedisServer) -> None:
    async def work(tokens: ResumeTokens) -> None:
        other = await tokens.issue(b"bob")
        issued = await asyncio.gather(*(tokens.issue(b"alice") for _ in range(30)))
        assert len(set(issued)) == 30
        found = [await tokens.redeem(token) for token in issued]
        assert found.count(b"alice") == 1
        assert await tokens.redeem(other) == b"bob"

    with_tokens(redis_server, work)


@pytest.mark.attack("A114")
def test_a_revoked_token_is_refused(redis_server: RedisServer) -> None:
    async def work(tokens: ResumeTokens) -> None:
        issued = await asyncio.gather(*(tokens.issue(b"alice") for _ in range(10)))
        await tokens.revoke(b"alice")
        assert [await tokens.redeem(token) for token in issued] == [None] * 10
        await tokens.revoke(b"nobody")

    with_tokens(redis_server, work)


def test_a_token_ends_with_its_lifetime(redis_server: RedisServer) -> None:
    async def work(tokens: ResumeTokens) -> None:
        token = await tokens.issue(b"alice")
        await asyncio.sleep(1.1)
        assert await tokens.redeem(token) is None

    with_tokens(redis_server, work, lifetime=1)


@pytest.mark.attack("A114")
def test_what_is_stored_and_what_is_shown_is_a_hash(redis_server: RedisServer) -> None:
    issued = []

    async def work(tokens: ResumeTokens) -> None:
        issued.extend([await tokens.issue(b"alice/%d" % number) for number in range(20)])

    with_tokens(redis_server, work)
    stored = redis_server.everything().decode()
    assert stored.count("token:") == 20
    assert leaked(stored, {token[at : at + 8] for token in issued for at in range(0, 32, 8)}) == set()
    for token in issued:
        assert resume_tokens.digest(token) in stored
        assert resume_tokens.shown(token) == resume_tokens.digest(token)[:12]
        assert len(token) == 32
