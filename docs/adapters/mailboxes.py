"""What the relay keeps, in Redis: mailboxes, published prekeys, and hashes of login credentials.

Each step that must not be half done is one script. For mail to survive a crash of Redis itself,
run it with `appendonly yes` and `appendfsync always`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import mailbox_scripts

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

OVERHEAD: Final = 256
"""Bytes that an envelope costs besides its own: of a sender, the smallest are counted with them."""

LISTEN: Final = 1.0
"""Seconds of one wait for news: less than the timeout of the socket."""

_MAIL: Final = "mail"
"""The channel on which a relay hears whose mailbox has got something, who was barred, and who was let in."""

_BARRED: Final = b"barred"
"""In place of a hash; none is so short."""


class Room(NamedTuple):
    """What a mailbox holds at most; the sender of more is told to try later.

    Attributes:
        envelopes: in all.
        size: bytes in all.
        share: envelopes of one sender, so that a stranger who fills it shuts out nobody else.
        share_size: bytes of one sender, for the same reason: a mailbox is not full before eight have theirs.
        total: bytes of one sender in all mailboxes, each envelope with its `OVERHEAD`: nobody fills Redis alone. Those
            of mailboxes that nobody has come for count until `KEPT` after the first.
    """

    envelopes: int = 10_000
    size: int = 64 << 20
    share: int = 1_000
    share_size: int = 8 << 20
    total: int = 64 << 20


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
        self._put = redis.register_script(mailbox_scripts.PUT)
        self._forget = redis.register_script(mailbox_scripts.FORGET)
        self._publish = redis.register_script(mailbox_scripts.PUBLISH)
        self._fetch = redis.register_script(mailbox_scripts.FETCH)

    async def admits(self, address: bytes, credential: bytes) -> bool:
        """Whether this is the device's credential. Put your accounts here."""
        kept = await self._login(address)
        if self._open and kept is None:
            await self.register(address, credential)
            kept = await self._login(address)
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
        return await self._login(address) == _BARRED

    async def put(self, key: bytes, sender: bytes, to: bytes, envelope: bytes) -> bool:
        """Put an envelope in, once; False if there is no such mailbox, or no room in it."""
        seen = f"seen:{hashlib.sha256(sender).hexdigest()}:{key.hex()}"
        keys = [_key("mail", to), seen, _key("count", to), _key("held", to), _key("login", to)]
        return bool(await self._put(keys=keys, args=[sender, envelope, to, *self._room, REMEMBERED, KEPT, OVERHEAD]))

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
        await self._forget(keys=[_key("mail", address), _key("held", address)], args=[f"{number}-0", OVERHEAD])

    async def publish(self, address: bytes, bundle: bytes, items: tuple[bytes, ...]) -> int:
        """Keep a bundle and those of the items that were not handed out, in place of all before; how many there are."""
        named = [hashlib.sha256(item).digest() + item for item in items]
        return int(await self._publish(keys=_prekeys(address), args=[bundle, HANDED_OUT, *named]))

    async def fetch(self, address: bytes, *, item: bool) -> tuple[bytes, bytes]:
        """A device's bundle and, if wanted, one item, which is nobody else's from now on; empty where there is none."""
        found = await self._fetch(keys=_prekeys(address), args=[int(item), HANDED_OUT])
        return found[0], found[1]

    async def _login(self, address: bytes) -> bytes | None:
        kept: bytes | None = await self._redis.get(_key("login", address))  # type: ignore[assignment]  # not decoded
        return kept

    async def stock(self, address: bytes) -> int:
        """How many items there are."""
        return int(await self._redis.llen(_key("items", address)))


def _key(what: str, address: bytes) -> str:
    return f"{what}:{hashlib.sha256(address).hexdigest()}"


def _prekeys(address: bytes) -> list[str]:
    return [_key("bundle", address), _key("items", address), _key("handed-out", address)]


def _credential(credential: bytes) -> bytes:
    return hashlib.sha256(b"login" + credential).digest()
