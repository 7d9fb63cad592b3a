"""A device was lost, stolen or searched: whatever it knew is somebody else's as well.

At the relay, at once:     await relay.revoke(address): tokens and credential are void, the connection is closed
On the device, offline:    start_over(store, now=now)
For it to log in again:    await readmit(accounts, address)
On the device, online:     `Renewal.tick` until it returns nothing

A device that logs in before it has started over sends what the thief can read. Nothing of this is announced through the
old sessions: who has copied them could announce as well. The contacts see a changed identity and compare fingerprints.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Protocol

from frames import TOKEN_LENGTH
from plan import Stage
from renewal import destroy, start
from resume_tokens import ResumeTokens

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from store import Store


class Accounts(Protocol):
    """What is asked of whoever lets devices log in."""

    async def replace(self, address: bytes, credential: bytes) -> None:
        """Let a device log in with this credential only."""
        ...


class RedisAccounts:
    """The accounts of the reference relay, which keeps a hash for each address (`Mailboxes.admits`)."""

    def __init__(self, redis: Redis) -> None:
        """Use the relay's Redis."""
        self._redis = redis

    async def replace(self, address: bytes, credential: bytes) -> None:
        """See `Accounts`."""
        hashed = hashlib.sha256(b"login" + credential).digest()
        await ResumeTokens(self._redis).revoke(address)  # one may have been issued while the device was barred
        await self._redis.set(f"login:{hashlib.sha256(address).hexdigest()}", hashed)


async def readmit(accounts: Accounts, address: bytes) -> bytes:
    """Let the device in again that takes the place over; its new credential."""
    credential = secrets.token_bytes(TOKEN_LENGTH)
    await accounts.replace(address, credential)
    return credential


def start_over(store: Store, *, now: int) -> dict[bytes, Exception]:
    """Destroy what may be known: identity, prekeys, sessions, unsent ciphertexts. After a crash the first tick goes on.

    Called again, it begins anew: another identity, and all contacts once more.

    Returns:
        The contacts whose records the store refuses, and why. What is theirs is not destroyed: `store.abandon` does.
    """
    start(store, now=now, first=Stage.DESTROY)
    return destroy(store, now=now)
