"""What the relay keeps, in Redis: mailboxes, published prekeys, and hashes of login credentials.

Each step that must not be half done is one script, which Redis runs alone. For mail to survive a crash of Redis itself,
run it with `appendonly yes` and `appendfsync always`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_WAITING: Final = 10_000
"""Envelopes in a mailbox; the sender is told to try later."""

MAX_ITEMS: Final = 200
"""One-time items of a device: twice a full batch."""

REMEMBERED: Final = 7 * 24 * 3600
"""Seconds for which the id of an envelope is remembered, so that sending it again does not put it in twice: a sender
that was offline for longer may cause a duplicate, which the ratchet refuses."""

_PUT: Final = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('XADD', KEYS[1], redis.call('INCR', KEYS[3]) .. '-0', 's', ARGV[1], 'e', ARGV[2])
redis.call('SET', KEYS[2], '', 'EX', ARGV[4])
return 1
"""

_PUBLISH: Final = """
redis.call('SET', KEYS[1], ARGV[1])
for place = 3, #ARGV do
  local known = redis.call('SADD', KEYS[3], redis.sha1hex(ARGV[place])) == 0
  if not known and redis.call('LLEN', KEYS[2]) < tonumber(ARGV[2]) then redis.call('RPUSH', KEYS[2], ARGV[place]) end
end
return redis.call('LLEN', KEYS[2])
"""


class Mail(NamedTuple):
    """An envelope in a mailbox.

    Attributes:
        number: its place.
        sender: who put it in.
        envelope: what is in it, the relay cannot tell.
    """

    number: int
    sender: bytes
    envelope: bytes


class Mailboxes:
    """Mail and prekeys of all devices."""

    def __init__(self, redis: Redis, max_waiting: int = MAX_WAITING) -> None:
        """Keep them in a Redis (`decode_responses` off)."""
        self._redis = redis
        self._max_waiting = max_waiting
        self._put = redis.register_script(_PUT)
        self._publish = redis.register_script(_PUBLISH)

    async def admits(self, address: bytes, credential: bytes) -> bool:
        """Whether this is the device's credential; the first one that it shows is taken. Put your accounts here."""
        given = hashlib.sha256(b"login" + credential).digest()
        await self._redis.set(_key("login", address), given, nx=True)
        return hmac.compare_digest(await self._redis.get(_key("login", address)), given)

    async def put(self, key: bytes, sender: bytes, to: bytes, envelope: bytes) -> bool:
        """Put an envelope in, once; False if the mailbox is full."""
        seen = f"seen:{hashlib.sha256(sender).hexdigest()}:{key.hex()}"
        keys = [_key("mail", to), seen, _key("count", to)]
        return bool(await self._put(keys=keys, args=[sender, envelope, self._max_waiting, REMEMBERED]))

    async def wait(self, address: bytes, after: int, count: int, seconds: float) -> list[Mail]:
        """The next envelopes behind a number; empty if none came in that time."""
        stream = _key("mail", address)
        found = await self._redis.xread({stream: f"{after}-0"}, count=count, block=max(1, int(seconds * 1000)))
        rows = found[0][1] if found else []
        return [Mail(int(place.split(b"-")[0]), row[b"s"], row[b"e"]) for place, row in rows]

    async def forget(self, address: bytes, number: int) -> None:
        """Take an envelope out."""
        await self._redis.xdel(_key("mail", address), f"{number}-0")

    async def publish(self, address: bytes, bundle: bytes, items: tuple[bytes, ...]) -> int:
        """Keep a bundle and add items, none of them twice in all time; how many there are."""
        keys = [_key("bundle", address), _key("items", address), _key("known", address)]
        return int(await self._publish(keys=keys, args=[bundle, MAX_ITEMS, *items]))

    async def fetch(self, address: bytes) -> tuple[bytes, bytes]:
        """A device's bundle and one item, which is nobody else's from now on; empty where there is none."""
        bundle = await self._redis.get(_key("bundle", address))
        if bundle is None:
            return b"", b""
        return bundle, await self._redis.lpop(_key("items", address)) or b""


def _key(what: str, address: bytes) -> str:
    return f"{what}:{hashlib.sha256(address).hexdigest()}"
