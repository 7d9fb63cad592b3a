"""Seeds out of the harness's own world: what only its keys can make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness.draws import fixed_draws
from harness.handshake import honest_block, own_identity_block
from harness.people import NOW, pair, people
from harness.positions import standings
from harness.sealed import OWNER, PEER, VAULT, content_of, disguised
from seeds import vectors

from ratchetlib import PrekeyRing, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE: Final = 64


def bundles() -> Iterator[bytes]:
    """Bundles of the world, with an item and without."""
    for contents in (people().ring, people().ring.revoked(people().ring.items)):
        yield PrekeyRing(contents).next_bundle().to_bytes()


def items() -> Iterator[bytes]:
    """One-time items that the world's bundle fits."""
    yield from PrekeyRing(people().ring).one_time_items()


def unsigned_bundles() -> Iterator[bytes]:
    """What a hostile owner may write before it signs: validity, versions and addresses at their bounds."""
    content = PrekeyRing(people().ring).signed_bundle()[:-_SIGNATURE]
    address = 2 + 4 + len(people().ring.address)
    times = address + 128 + 8
    yield content
    for length in (1, 14 * 86_400, 14 * 86_400 + 1, 0):
        validity = NOW.to_bytes(8, "big") + (NOW + length).to_bytes(8, "big")
        yield content[:times] + validity + content[times + 16 :]
    yield b"\1\2" + content[2:]
    yield b"\1\0" + content[2:]
    for length in (1, 128, 129, 0):
        yield content[:2] + length.to_bytes(4, "big") + bytes(length) + content[address:]


def sealed_blobs() -> Iterator[bytes]:
    """Blobs that the target's vault opens, of its kind and of another."""
    with fixed_draws(b"blobs"):
        for kind in (Session, PrekeyRing):
            peer = PEER if kind.STATE_HAS_PEER else b""
            yield VAULT.seal(disguised(kind)(b"genuine"), owner=OWNER, peer=peer, generation=1)


def states() -> Iterator[bytes]:
    """Contents of every standing."""
    yield from (standing.content for standing in standings())


def rings() -> Iterator[bytes]:
    """Rings after rotation, revocation, handing out and handshakes."""
    with fixed_draws(b"rings"):
        ring = PrekeyRing(people().ring)
        yield content_of(ring)
        ring.next_bundle()
        yield content_of(ring)
        ring.rotate(NOW + 86_400)
        yield content_of(ring)
        Session.accept(people().bob, ring, pair(one_time=False).first, our_address=ring.address, now=NOW)
        yield content_of(ring)
        ring.revoke(*ring.one_time_ids)
        yield content_of(ring)


def due_messages() -> Iterator[bytes]:
    """What is under way to each standing."""
    for number, standing in enumerate(standings()):
        yield from (bytes([number]) + message for message in standing.due)


def first_messages() -> Iterator[bytes]:
    """The initial messages that the world's ring takes."""
    yield from (pair(one_time=one_time).first for one_time in (True, False))


def blocks() -> Iterator[bytes]:
    """Identity blocks with an item and without; those of the vectors claim others."""
    for block in (honest_block(), own_identity_block(), *vectors.fields("wire", "IdentityBlock", "encoded")):
        yield from (flag + block for flag in (b"\0", b"\xff"))


def headers() -> Iterator[bytes]:
    """Honest headers under each header key of each standing, and gaps; kinds and keys come in turn."""
    for number in range(len(standings())):
        for place in range(7):
            for ahead in (0, 2, 900):
                distances = bytes(4) + ahead.to_bytes(4, "little") + bytes(4)
                yield bytes([number, place, 0]) + distances + bytes([(number + place) % 3, place, 7])


def bodies() -> Iterator[bytes]:
    """Padded plaintexts, with room for them and without."""
    for number in range(0, len(standings()), 3):
        for padded in (b"\x80", b"text\x80\0\0\0", b"\x80\x80", b"\0\0", b"no marker", b"a" * 40 + b"\x80"):
            yield from (bytes([number, room]) + padded for room in (0, 1, 255))
