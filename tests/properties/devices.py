"""Devices and the sessions on them, each with its place in storage."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from properties.model_handshake import Bundle, Item, Ring
from support.anchors import MemoryAnchor
from support.pair import ALICE, BOB, NOW

from ratchetlib import IdentityKeyPair, PrekeyRing, Session
from ratchetlib.limits import MAX_BUNDLE_LIFETIME

if TYPE_CHECKING:
    from properties.model import SessionModel
    from properties.sides import Side
    from properties.terms import Terms

    from ratchetlib.prekeys.contents import RingContents

MALLORY = b"mallory/server"
ITEMS = 2
"""One-time items of each device: few enough to run out."""


class Saved(NamedTuple):
    """A blob on the disk, and what it holds."""

    blob: bytes
    digest: bytes
    model: SessionModel
    read: frozenset[int]
    generation: int


@dataclass(eq=False)
class Record:
    """One live copy of one side of a session, with its place in storage.

    Attributes:
        device: whose it is.
        side: the library's session, or that and its twin.
        model: what it must be.
        read: the letters that it has decrypted, as far as its state can know.
        saved: its blobs, oldest first.
        anchor: its memory of generations.
    """

    device: Device
    side: Side
    model: SessionModel
    read: frozenset[int] = frozenset()
    saved: list[Saved] = field(default_factory=list)
    anchor: MemoryAnchor = field(default_factory=MemoryAnchor)

    @property
    def session(self) -> Session:
        return self.side.real

    @property
    def context(self) -> dict[str, Any]:
        return {"kind": Session, "owner": self.device.address, "peer": b"peer " + self.session.session_id}


@dataclass(eq=False)
class Device:
    """A device.

    Attributes:
        published: its signed bundles on the server, oldest first.
        items: its one-time items on the server, used or not: a hostile server hands them out again.
        ring_saved: the ring on the disk.
    """

    address: bytes
    identity: IdentityKeyPair
    ring: PrekeyRing
    ring_model: Ring
    published: list[tuple[bytes, Bundle]]
    items: list[tuple[bytes, Item]]
    ring_saved: tuple[bytes, Ring] = (b"", Ring((), frozenset()))

    @classmethod
    def fresh(cls, terms: Terms, address: bytes) -> Device:
        """One that nobody has written to yet."""
        identity, contents = stock()[address]
        ring = PrekeyRing(contents)
        bundle = Bundle(terms.number(), 1, NOW + MAX_BUNDLE_LIFETIME)
        items = [(encoded, Item(terms.number(), 1)) for encoded in ring.one_time_items()]
        made = Ring((bundle,), frozenset(item for _, item in items))
        return cls(address, identity, ring, made, [(ring.signed_bundle(), bundle)], items)

    def offered(self, item: int | None, older: int) -> tuple[bytes, Bundle, bytes | None, Item | None]:
        """What a server hands out: an old bundle or the newest, an item, used or not, or none."""
        signed, bundle = self.published[-1 - older % len(self.published)]
        fitting = [(encoded, made) for encoded, made in self.items if bundle.fits(made)]
        if item is None or not fitting:
            return signed, bundle, None, None
        return signed, bundle, *fitting[item % len(fitting)]


@cache
def stock() -> dict[bytes, tuple[IdentityKeyPair, RingContents]]:
    """Three devices before anything: making their keys costs more than a whole run."""
    made = {}
    for address in (ALICE, BOB, MALLORY):
        identity = IdentityKeyPair.generate()
        ring = PrekeyRing.generate(identity, address=address, now=NOW, one_time=ITEMS)
        made[address] = identity, ring._contents
    return made
