"""Seeds out of the harness's own world: what only its keys can make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from harness.draws import fixed_draws
from harness.handshake import honest_block, own_identity_block
from harness.people import NOW, pair, people
from harness.positions import standings
from harness.sealed import OWNER, PEER, VAULT, content_of, disguised
from seeds import vectors

from ratchetlib import PrekeyRing, Session
from ratchetlib.prekeys import codec
from ratchetlib.ratchet.pq import codec as pq_codec
from ratchetlib.ratchet.pq.states import Carrying, Collecting
from ratchetlib.session import state as states_codec
from ratchetlib.wire import u32

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE: Final = 64
_FIELDS: Final = (b"\0\0\0", b"\0\3\0", b"\0\6\0", b"\0\2\0", b"\0\14\0", b"\15\0\0", b"\1\0\0", b"\0\0\1", b"\5\5\0")
"""PN, N and the epoch of headers, as numbers of the target's distances."""

_SHORT: Final = 2_600
_TINY: Final = 600
_DAY: Final = 86_400
_STARTS: Final = (NOW, NOW + _DAY, NOW + _DAY + 1, NOW - 14 * _DAY, NOW - 14 * _DAY - 1)
_LENGTHS: Final = (0, 1, 14 * _DAY, 14 * _DAY + 1)


def bundles() -> Iterator[bytes]:
    """Bundles of the world, with an item and without."""
    for contents in (people().ring, people().ring.revoked(people().ring.items)):
        encoded = PrekeyRing(contents).next_bundle().to_bytes()
        flag = 4 + int.from_bytes(encoded[:4], "big")
        yield encoded
        yield encoded[:flag] + bytes([1 - encoded[flag]]) + encoded[flag + 1 :]


def items() -> Iterator[bytes]:
    """One-time items that the world's bundle fits."""
    yield from PrekeyRing(people().ring).one_time_items()


def unsigned_bundles() -> Iterator[bytes]:
    """What a hostile owner may write before it signs, and how strict the initiator is."""
    content = PrekeyRing(people().ring).signed_bundle()[:-_SIGNATURE]
    address = 2 + 4 + len(people().ring.address)
    yield from (bytes([demands]) + content for demands in range(18))
    yield from (b"\0" + _with_times(content, address, start, length) for start in _STARTS for length in _LENGTHS)
    yield from (b"\0\1" + bytes([highest]) + content[2:] for highest in (0, 2))
    for length in (1, 128, 129, 0):
        yield b"\0" + content[:2] + length.to_bytes(4, "big") + bytes(length) + content[address:]


def unsigned_items() -> Iterator[bytes]:
    """What a hostile owner may write into an item: other epochs, other addresses."""
    for encoded in items():
        content = encoded[:-_SIGNATURE]
        address = 5 + len(people().ring.address)
        for epoch in (0, 1, 2, 2**64 - 1):
            yield content[:address] + epoch.to_bytes(8, "big") + content[address + 8 :]
        yield content[:5] + content[5:address].swapcase() + content[address:]
        yield content[:1] + bytes(4) + content[address:]


def _with_times(content: bytes, address: int, start: int, length: int) -> bytes:
    times = address + 128 + 8
    validity = start.to_bytes(8, "big") + (start + length).to_bytes(8, "big")
    return content[:times] + validity + content[times + 16 :]


def sealed_blobs() -> Iterator[bytes]:
    """Blobs of the target's vault, of its kind and of another, in every way, at and around their generation."""
    with fixed_draws(b"blobs"):
        for kind in (Session, PrekeyRing):
            peer = PEER if kind.STATE_HAS_PEER else b""
            for generation in (1, 2, 4, 5):
                blob = VAULT.seal(disguised(kind)(b"genuine"), owner=OWNER, peer=peer, generation=generation)
                yield from (bytes([4 * known + way]) + blob for known in (0, 1, 2, 3, 48) for way in range(4))
                yield b"\0" + blob[:-1] + bytes([blob[-1] ^ 1])
                yield b"\0" + blob[:15] + bytes([blob[15] ^ 1]) + blob[16:]


def states() -> Iterator[bytes]:
    """Contents of every standing, and one of each phase with single bytes of it changed."""
    seen = set()
    for standing in standings():
        content = states_codec.encode(standing.state)
        yield content
        kind = (type(standing.state.ratchet.pq.phase), bool(standing.state.ratchet.closed), standing.state.unconfirmed)
        if kind not in seen and len(content) < _SHORT:
            seen.add(kind)
            yield from changed(content, range(0, len(content), 1 if len(content) < _TINY else 7))


def false_states() -> Iterator[bytes]:
    """Contents that no session ever writes, though each part of them is one."""
    for standing in standings():
        ratchet, content = standing.state.ratchet, states_codec.encode(standing.state)
        for chain in ratchet.chains:
            numbers = list(chain.skipped)[:2]
            if len(numbers) == 2:
                first, second = (u32(number) + chain.skipped[numbers[1]].raw for number in numbers)
                yield content.replace(second, first)
        point = content.index(pq_codec.encode(ratchet.pq)) + 4
        if len(content) < _SHORT:
            yield content[:point] + b"\x40" + content[point + 1 :]
            yield content[:point] + b"\x01" + content[point + 1 :]
            if isinstance(ratchet.pq.phase, Collecting | Carrying):
                count = point + 2 + (64 + 1_248 if isinstance(ratchet.pq.phase, Carrying) else 0)
                yield content[:count] + b"\x0d" + content[count + 1 :]
        if ratchet.closed and len(content) < _SHORT:
            for false in (
                ratchet._replace(closed=ratchet.closed * 6),
                ratchet._replace(receiving=ratchet.closed[0]),
                ratchet._replace(receiving=None),
            ):
                yield states_codec.encode(standing.state.moved(false))


def changed(content: bytes, places: range) -> Iterator[bytes]:
    """Single bytes set to what lengths, flags and counts are not."""
    for place in places:
        value = (0, content[place] + 1 & 255, 255)[place % 3]
        yield content[:place] + bytes([value]) + content[place + 1 :]


def rings() -> Iterator[bytes]:
    """Rings after rotation, revocation, handing out and handshakes; and contents that no ring ever writes."""
    with fixed_draws(b"rings"):
        ring = PrekeyRing(people().ring)
        yield content_of(ring)
        ring.next_bundle()
        yield content_of(ring)
        ring.rotate(NOW + _DAY)
        yield content_of(ring)
        Session.accept(people().bob, ring, pair(one_time=False).first, our_address=ring.address, now=NOW)
        yield content_of(ring)
        ring.revoke(*ring.one_time_ids)
        yield content_of(ring)
    yield from _false_rings(ring)


def _false_rings(ring: PrekeyRing) -> Iterator[bytes]:
    contents = ring._contents
    first, second = contents.bundles.values()
    yield codec.encode(replace(contents, epoch=0))
    yield codec.encode(replace(contents, bundles={b"2": second, b"1": first}))
    yield codec.encode(replace(contents, bundles={b"1": first, b"2": first}))
    yield codec.encode(replace(contents, owner=people().alice))
    yield codec.encode(replace(contents, address=b"another"))
    two = replace(first, remembered=frozenset((bytes(32), bytes([1] * 32))))
    encoded = codec.encode(replace(contents, bundles={b"1": two}))
    yield encoded
    yield encoded.replace(bytes(32) + bytes([1] * 32), bytes([1] * 32) + bytes(32))
    place = encoded.index(first.bundle.encoded)
    yield from changed(encoded, range(place, place + 400, 7))
    short = codec.encode(replace(contents, bundles={}, items={}))
    yield from changed(short, range(64, len(short)))
    yield from changed(encoded, range(len(encoded) - 120, len(encoded)))


def due_messages() -> Iterator[bytes]:
    """What is under way to each standing."""
    for number, standing in enumerate(standings()):
        yield from (bytes([number]) + message for message in standing.due)


def first_messages() -> Iterator[bytes]:
    """The initial messages that the world's ring takes."""
    yield from (pair(one_time=one_time).first for one_time in (True, False))


def blocks() -> Iterator[bytes]:
    """Identity blocks with an item and without, pinned and not; those of the vectors claim others."""
    honest = honest_block()
    for block in (honest, own_identity_block(), *vectors.fields("wire", "IdentityBlock", "encoded")):
        yield from (bytes([how]) + block for how in range(6))
    for created_at in (NOW + _DAY, NOW + _DAY + 1, 0, 2**64 - 1):
        yield b"\0" + honest[:-10] + created_at.to_bytes(8, "big") + honest[-2:]
    yield from (b"\0" + block for block in changed(honest, range(128, len(honest))))


def headers() -> Iterator[bytes]:
    """Honest headers under each header key of each standing, gaps, and fields out of range; kinds and keys in turn."""
    for number in range(len(standings())):
        for place in range(7):
            chunk = bytes([(number + place) % 3, place, 7])
            yield from (bytes([number, place, 0]) + fields + chunk for fields in _FIELDS)
            yield bytes([number, place, (number + place) % 5]) + bytes(3) + chunk


def bodies() -> Iterator[bytes]:
    """Padded plaintexts, with room for them and without."""
    for number in range(0, len(standings()), 3):
        for padded in (b"\x80", b"text\x80\0\0\0", b"\x80\x80", b"\0\0", b"no marker", b"a" * 40 + b"\x80"):
            yield from (bytes([number, room]) + padded for room in (0, 1, 255))
