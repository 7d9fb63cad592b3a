"""What the relay keeps, in Redis: mailboxes, published prekeys, and hashes of login credentials.

Each step that must not be half done is one script, which Redis runs alone. For mail to survive a crash of Redis itself,
run it with `appendonly yes` and `appendfsync always`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from redis.asyncio import Redis

REMEMBERED: Final = 3600
"""Seconds for which the id of an envelope is remembered, so that sending it again does not put it in twice: a sender
that was offline for longer may cause a duplicate, which the ratchet refuses."""

KEPT: Final = 30 * 24 * 3600
"""Seconds after the last envelope for which a mailbox is kept: nobody comes for it any more."""

HANDED_OUT: Final = 60 * 24 * 3600
"""Seconds for which items are remembered as handed out after the last was: longer than any can be used."""

LISTEN: Final = 1.0
"""Seconds of one wait for news: less than the timeout of the socket."""

_MAIL: Final = "mail"
"""The channel on which a relay hears whose mailbox has got something, who was barred, and who was let in."""

_PUT: Final = """
local bytes, from, share = #ARGV[2], 'from:' .. ARGV[1], 'bytes-from:' .. ARGV[1]
if redis.call('EXISTS', KEYS[2]) == 1 then return 1 end
if redis.call('EXISTS', KEYS[5]) == 0
  or redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4])
  or (tonumber(redis.call('HGET', KEYS[4], 'bytes')) or 0) + bytes > tonumber(ARGV[5])
  or (tonumber(redis.call('HGET', KEYS[4], from)) or 0) >= tonumber(ARGV[6])
  or (tonumber(redis.call('HGET', KEYS[4], share)) or 0) + bytes > tonumber(ARGV[7]) then return 0 end
if redis.call('EXISTS', KEYS[3]) == 0 then
  local now = redis.call('TIME')
  redis.call('SET', KEYS[3], now[1] .. string.format('%06d', now[2]))
end
local number = string.format('%.0f', redis.call('INCR', KEYS[3]))
redis.call('XADD', KEYS[1], number .. '-0', 's', ARGV[1], 'e', ARGV[2])
redis.call('HINCRBY', KEYS[4], 'bytes', bytes)
redis.call('HINCRBY', KEYS[4], from, 1)
redis.call('HINCRBY', KEYS[4], share, bytes)
redis.call('EXPIRE', KEYS[1], ARGV[9])
redis.call('EXPIRE', KEYS[4], ARGV[9])
redis.call('SET', KEYS[2], '', 'EX', ARGV[8])
redis.call('PUBLISH', 'mail', ARGV[3])
return 1
"""
"""Envelopes are numbered from the time in microseconds on: after Redis has lost what it held, no number comes again.
Who still waits behind an old one gets what is new, and who acknowledges an old one deletes nothing."""

_FORGET: Final = """
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #found == 0 then return end
local row = found[1][2]
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[2], 'bytes', -#row[4])
for count, less in pairs({['from:' .. row[2]] = 1, ['bytes-from:' .. row[2]] = #row[4]}) do
  if redis.call('HINCRBY', KEYS[2], count, -less) <= 0 then redis.call('HDEL', KEYS[2], count) end
end
"""

_PUBLISH: Final = """
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
for place = 3, #ARGV do
  if redis.call('SISMEMBER', KEYS[3], string.sub(ARGV[place], 1, 32)) == 0 then
    redis.call('RPUSH', KEYS[2], ARGV[place])
  end
end
redis.call('EXPIRE', KEYS[3], ARGV[2])
return redis.call('LLEN', KEYS[2])
"""

_FETCH: Final = """
local bundle, item = redis.call('GET', KEYS[1]), ARGV[1] == '1' and redis.call('LPOP', KEYS[2])
if item then
  redis.call('SADD', KEYS[3], string.sub(item, 1, 32))
  redis.call('EXPIRE', KEYS[3], ARGV[2])
end
return {bundle or '', item and string.sub(item, 33) or ''}
"""

_BARRED: Final = b"barred"
"""In place of a hash; none is so short."""


class Room(NamedTuple):
    """What a mailbox holds at most; the sender of more is told to try later.

    Attributes:
        envelopes: in all.
        size: bytes in all.
        share: envelopes of one sender, so that a stranger who fills it shuts out nobody else.
        share_size: bytes of one sender, for the same reason: a mailbox is not full before eight have theirs.
    """

    envelopes: int = 10_000
    size: int = 64 << 20
    share: int = 1_000
    share_size: int = 8 << 20


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

    def __repr__(self) -> str:
        return f"<Mail {self.number}>"


class Mailboxes:
    """Mail and prekeys of all devices."""

    def __init__(self, redis: Redis, room: Room | None = None, *, open_registration: bool = False) -> None:
        """Keep them in a Redis (`decode_responses` off).

        Args:
            redis: over TLS, unless it is a socket of this machine.
            room: of a mailbox.
            open_registration: let the first credential that a new address shows be its own; else `register` it.
        """
        self._open = open_registration
        self._redis = redis
        self._room = room or Room()
        self._put = redis.register_script(_PUT)
        self._forget = redis.register_script(_FORGET)
        self._publish = redis.register_script(_PUBLISH)
        self._fetch = redis.register_script(_FETCH)

    async def admits(self, address: bytes, credential: bytes) -> bool:
        """Whether this is the device's credential. Put your accounts here."""
        if self._open:
            await self.register(address, credential)
        kept: bytes | None = await self._redis.get(_key("login", address))  # type: ignore[assignment]  # not decoded
        return hmac.compare_digest(kept or b"", _credential(credential))

    async def register(self, address: bytes, credential: bytes) -> None:
        """Take this for the device's credential, unless it has one or is barred."""
        await self._redis.set(_key("login", address), _credential(credential), nx=True)

    async def bar(self, address: bytes) -> None:
        """No credential is the device's any more; nobody can take its address either. Every relay hears of it."""
        await self._redis.set(_key("login", address), _BARRED)
        await self._redis.publish(_MAIL, address)

    async def barred(self, address: bytes) -> bool:
        """Whether that was done."""
        return bool(await self._redis.get(_key("login", address)) == _BARRED)

    async def put(self, key: bytes, sender: bytes, to: bytes, envelope: bytes) -> bool:
        """Put an envelope in, once; False if there is no such mailbox, or no room in it."""
        seen = f"seen:{hashlib.sha256(sender).hexdigest()}:{key.hex()}"
        keys = [_key("mail", to), seen, _key("count", to), _key("held", to), _key("login", to)]
        return bool(await self._put(keys=keys, args=[sender, envelope, to, *self._room, REMEMBERED, KEPT]))

    async def news(self) -> AsyncGenerator[bytes | None, None]:
        """The address of each device that gets mail, is barred or is let in; None first, and after each gap."""
        async with self._redis.pubsub() as channel:
            await channel.subscribe(_MAIL)
            while True:  # a wait with an end, so that the timeout of the socket is not taken for a failure
                told = await channel.get_message(timeout=LISTEN)
                if told is not None:
                    yield told["data"] if told["type"] == "message" else None

    async def behind(self, address: bytes, number: int, count: int) -> list[Mail]:
        """The next envelopes behind a number."""
        rows: Any = await self._redis.xrange(_key("mail", address), f"({number}-0", "+", count=count)
        return [Mail(int(place.split(b"-")[0]), row[b"s"], row[b"e"]) for place, row in rows]

    async def forget(self, address: bytes, number: int) -> None:
        """Take an envelope out."""
        await self._forget(keys=[_key("mail", address), _key("held", address)], args=[f"{number}-0"])

    async def publish(self, address: bytes, bundle: bytes, items: tuple[bytes, ...]) -> int:
        """Keep a bundle and those of the items that were not handed out, in place of all before; how many there are."""
        named = [hashlib.sha256(item).digest() + item for item in items]
        return int(await self._publish(keys=_prekeys(address), args=[bundle, HANDED_OUT, *named]))

    async def fetch(self, address: bytes, *, item: bool) -> tuple[bytes, bytes]:
        """A device's bundle and, if wanted, one item, which is nobody else's from now on; empty where there is none."""
        found = await self._fetch(keys=_prekeys(address), args=[int(item), HANDED_OUT])
        return found[0], found[1]

    async def stock(self, address: bytes) -> int:
        """How many items there are."""
        return int(await self._redis.llen(_key("items", address)))


def _key(what: str, address: bytes) -> str:
    return f"{what}:{hashlib.sha256(address).hexdigest()}"


def _prekeys(address: bytes) -> list[str]:
    return [_key("bundle", address), _key("items", address), _key("handed-out", address)]


def _credential(credential: bytes) -> bytes:
    return hashlib.sha256(b"login" + credential).digest()
