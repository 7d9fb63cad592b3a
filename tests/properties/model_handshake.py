"""Handshakes and the ring in symbols, written from docs/spec/handshake.md and prekeys.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from properties import model
from properties.model import SessionModel
from properties.refusal import Refused

from ratchetlib import (
    AuthenticationError,
    HandshakeExpired,
    HandshakeReplayed,
    IdentityChanged,
    InvalidKey,
    MalformedMessage,
    ReplayMemoryFull,
    UnknownPrekey,
)
from ratchetlib.limits import BUNDLE_RETENTION, MAX_CLOCK_SKEW

if TYPE_CHECKING:
    from properties.bounds import Bounds
    from properties.model import Envelope
    from properties.terms import Term, Terms


class Item(NamedTuple):
    """A one-time item."""

    name: int
    epoch: int


class Bundle(NamedTuple):
    """A signed bundle; `remembered` are the handshakes without an item that it has accepted."""

    name: int
    epoch: int
    not_after: int
    remembered: frozenset[int] = frozenset()

    @property
    def signed_prekey(self) -> Term:
        return "signed prekey", self.name

    def fits(self, item: Item) -> bool:
        return item.epoch <= self.epoch <= item.epoch + 1


class Handshake(NamedTuple):
    """A handshake that was begun.

    Attributes:
        name: of everything that it derives.
        responder: the address written to.
        claims_pinned: whether the identity in it is the pinned one of the address in it, where one is pinned.
        bundle: by name.
        item: by name, or None.
        created_at: the initiator's clock.
        not_after: the bundle's end.
    """

    name: int
    responder: bytes
    claims_pinned: bool
    bundle: int
    item: int | None
    created_at: int
    not_after: int

    @property
    def header_keys(self) -> tuple[Term, Term]:
        """From the initiator to the responder, and back."""
        return ("header key", self.name, "forth"), ("header key", self.name, "back")

    @property
    def signed_prekey(self) -> Term:
        return "signed prekey", self.bundle


class Ring(NamedTuple):
    """The responder's private side."""

    bundles: tuple[Bundle, ...]
    items: frozenset[Item]

    def with_bundle(self, bundle: Bundle, now: int) -> Ring:
        """Rotate."""
        alive = tuple(old for old in self.bundles if now <= old.not_after + BUNDLE_RETENTION)
        useful = {item for item in self.items if item.epoch >= bundle.epoch - 1 or any(old.fits(item) for old in alive)}
        return Ring((*alive, bundle), frozenset(useful))

    def find(self, handshake: Handshake, now: int, bounds: Bounds) -> Bundle:
        found = [bundle for bundle in self.bundles if bundle.name == handshake.bundle]
        if not found or now > found[0].not_after + BUNDLE_RETENTION:
            raise Refused(UnknownPrekey)
        bundle = found[0]
        if handshake.item is None:
            if len(bundle.remembered) >= bounds.remembered:
                raise Refused(ReplayMemoryFull)
        elif not any(item.name == handshake.item and bundle.fits(item) for item in self.items):
            raise Refused(UnknownPrekey)
        return bundle

    def settled(self, handshake: Handshake, bounds: Bounds) -> Ring:
        if handshake.item is not None:
            return self._replace(items=frozenset(item for item in self.items if item.name != handshake.item))
        return self._replace(bundles=tuple(_remembering(bundle, handshake, bounds) for bundle in self.bundles))


def _remembering(bundle: Bundle, handshake: Handshake, bounds: Bounds) -> Bundle:
    if bundle.name != handshake.bundle or len(bundle.remembered) >= bounds.remembered:
        return bundle
    return bundle._replace(remembered=bundle.remembered | {handshake.name})


_PREFIX_CONDITIONS = {"malformed": MalformedMessage, "invalid key": InvalidKey, "unknown": UnknownPrekey}


def accept(
    terms: Terms, ring: Ring, envelope: Envelope, now: int, bounds: Bounds, associated_data: bytes, *, to: bytes
) -> tuple[Ring, SessionModel]:
    """Acceptance, in the order of its steps."""
    handshake = envelope.letter.handshake
    if envelope.framing is not None:
        raise Refused(envelope.framing)
    if not envelope.initial:
        raise Refused(MalformedMessage)
    if envelope.prefix in _PREFIX_CONDITIONS:
        raise Refused(_PREFIX_CONDITIONS[envelope.prefix])
    if handshake.responder != to:
        raise Refused(UnknownPrekey)
    bundle = ring.find(handshake, now, bounds)
    if envelope.prefix == "false":
        raise Refused(AuthenticationError)
    if handshake.created_at > min(now + MAX_CLOCK_SKEW, bundle.not_after):
        raise Refused(HandshakeExpired)
    first = SessionModel(handshake, False, True, model.initial(handshake, initiator=False))  # noqa: FBT003
    moved = first.receive(terms, envelope, bounds, associated_data, 2**20, bundle.signed_prekey)
    if handshake.name in bundle.remembered:
        raise Refused(HandshakeReplayed)
    if not handshake.claims_pinned:
        raise Refused(IdentityChanged)
    return ring.settled(handshake, bounds), moved
