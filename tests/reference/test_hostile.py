"""A peer that has all its keys and lies: library and reference refuse the same lies, for the same reasons."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from reference.bundle import Demands, PrekeyBundle
from reference.forger import Forger, Fresh, initiate_with_block
from reference.lockstep import TwinSession
from reference.pq import Chunk
from reference.primitives import REFUSED_U, P, x25519_public
from reference.refusal import Refusal
from reference.scenarios import ALICE, BOB, NOW, confirmed, twins

from ratchetlib import AuthenticationError, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.session import Session

U32 = 2**32 - 1
CHAIN_LENGTH = 2**24


def lies(rng: random.Random, eve: Forger, peer: TwinSession) -> dict[str, Any]:
    """One or two fields of a header that an honest peer would fill otherwise."""
    r = eve.ratchet
    theirs = peer.reference.ratchet
    known = (
        [chain.DHr for chain in theirs.chains] + [theirs.DHr] + ([theirs.sending.DHs.public] if theirs.sending else [])
    )
    fresh = x25519_public(rng.randbytes(32))
    unreduced = (P + rng.randrange(19)).to_bytes(32, "little")
    Ns = r.sending.Ns if r.sending else 0  # noqa: N806
    choices: dict[str, list[Any]] = {
        "ratchet_key": [*known, *sorted(REFUSED_U), fresh, unreduced],
        "PN": [0, 1, r.PN + 1, r.PN + 998, r.PN + 1_001, CHAIN_LENGTH, CHAIN_LENGTH + 1, U32],
        "N": [0, Ns + 1, Ns + 999, Ns + 1_000, Ns + 1_001, CHAIN_LENGTH - 1, CHAIN_LENGTH, U32],
        "pq_epoch": [0, r.pq.epoch + 1, r.pq.epoch + 2, max(r.pq.epoch - 1, 0), U32],
        "chunk": [chunk(rng) for _ in range(8)],
    }
    fields = rng.sample(sorted(choices), k=rng.choice((1, 1, 1, 2)))
    return {field: rng.choice(choices[field]) for field in fields}


def chunk(rng: random.Random) -> Chunk:
    kind, index = rng.choice((0, 1, 1, 2, 2, 3, 255)), rng.choice((0, 0, 1, 12, 63, 64, 255))
    return Chunk(kind, index, rng.choice((bytes(96), rng.randbytes(96))))


def turn(rng: random.Random, eve: Forger, peer: TwinSession, share: float) -> str:
    """A message of the liar, and sometimes an answer that it reads as far as it can."""
    message = eve.send(b"x", **(lies(rng, eve, peer) if rng.random() < share else {}))
    try:
        peer.decrypt(message)
    except PeerError as error:
        outcome = type(error).__name__
    else:
        outcome = "taken"
    if rng.random() < 0.4:
        answer = peer.encrypt(b"y")
        try:
            eve.session.decrypt(answer)
        except Refusal:
            outcome += ", and deaf"
    return outcome


@pytest.mark.parametrize("liar", ["initiator", "responder"])
def test_lies_in_headers_meet_the_same_conditions(liar: str) -> None:
    met: Counter[str] = Counter()
    for seed in range(12):
        rng = random.Random(seed)
        pair = confirmed() if seed % 2 else twins()
        mine, peer = (pair.alice, pair.bob) if liar == "initiator" else (pair.bob, pair.alice)
        eve = Forger(mine.reference)
        for _ in range(60):
            met[turn(rng, eve, peer, share=0.4).split(",")[0]] += 1
    wanted = {"taken", "AuthenticationError", "ProtocolViolation", "SessionForked", "TooManySkipped"}
    assert wanted <= met.keys()


@pytest.mark.parametrize("liar", ["initiator", "responder"])
def test_false_chunks_are_collected_alike(liar: str) -> None:
    """Only the chunks are false, so sets are contradicted, dropped, and begun anew."""
    for seed in range(4):
        rng = random.Random(seed)
        pair = confirmed()
        mine, peer = (pair.alice, pair.bob) if liar == "initiator" else (pair.bob, pair.alice)
        eve = Forger(mine.reference)
        for _ in range(150):
            honest = eve.send()
            peer.decrypt(honest)
            following = eve.ratchet.pq.NEXT_CHUNK()
            if following.kind and rng.random() < 0.12:
                following = replace(following, data=bytes([following.data[0] ^ 1]) + following.data[1:])
            if rng.random() < 0.7:
                peer.decrypt(eve.send(chunk=following))
            eve.session.decrypt(peer.encrypt(b""))


def test_authentic_plaintexts_without_a_marker_are_refused_alike() -> None:
    pair = confirmed()
    eve = Forger(pair.alice.reference)
    for padded in (bytes(64), b"\x01", b"text", b"\x80\x81", bytes(1)):
        with pytest.raises(AuthenticationError):
            pair.bob.decrypt(eve.send(padded=padded))
    for padded in (b"\x80", b"\x80\x80" + bytes(7), b"text\x80"):
        pair.bob.decrypt(eve.send(padded=padded))


# --- Identity blocks ----------------------------------------------------------------------------------


def replaced(at: int, new: bytes) -> Callable[[bytes], bytes]:
    return lambda block: block[:at] + new + block[at + len(new) :]


BLOCKS = {
    "as it is": lambda block: block,
    "zeros": lambda block: bytes(len(block)),
    "a signing key of small order": replaced(0, b"\x01" + bytes(31)),
    "another signing key": replaced(0, bytes(range(32))),
    "an agreement key of zeros": replaced(32, bytes(32)),
    "another signature": replaced(64, bytes(64)),
    "no address": replaced(128, bytes(4)),
    "129 bytes of address": replaced(128, (129).to_bytes(4, "big")),
    "a shorter address than is there": replaced(128, (3).to_bytes(4, "big")),
    "a longer address, with zeros": replaced(128, (50).to_bytes(4, "big")),
    "rubbish behind the address": replaced(200, b"\x01"),
    "made a day and a second ahead": replaced(260, (NOW + 86_401).to_bytes(8, "big")),
    "made a day ahead": replaced(260, (NOW + 86_400).to_bytes(8, "big")),
    "made in 1970": replaced(260, bytes(8)),
    "version 0": replaced(268, b"\x00"),
    "version 255": replaced(268, b"\xff"),
    "flags": replaced(269, b"\x01"),
    "a byte less": lambda block: block[:-1],
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("content", BLOCKS)
def test_identity_blocks_meet_the_same_conditions(content: str) -> None:
    """th1 holds the sealed block, so what parses to another time or version is accepted: it is what was said."""
    pair = twins(one_time=0)
    bundle = PrekeyBundle.parse(pair.ring.next_bundle())
    arguments = (pair.alice_identity.reference, bundle, ALICE, BOB, NOW, Fresh(), Demands())
    session: Session = initiate_with_block(BLOCKS[content], *arguments)
    message = session.encrypt(b"hello", b"", Fresh())
    try:
        twin, plaintext = TwinSession.accept(pair.bob_identity, pair.ring, message, our_address=BOB, now=NOW)
    except PeerError as error:
        refused = type(error).__name__
    else:
        refused = ""
        assert plaintext == b"hello"
        assert twin.recognises(message)
    taken = {"as it is", "made a day ahead", "made in 1970", "version 255"}
    assert (refused == "") == (content in taken)


def test_our_own_identity_is_refused_alike() -> None:
    pair = twins(one_time=0)
    bundle = PrekeyBundle.parse(pair.ring.next_bundle())
    own = pair.bob_identity.reference.public.encoded
    arguments = (pair.alice_identity.reference, bundle, ALICE, BOB, NOW, Fresh(), Demands())
    session = initiate_with_block(replaced(0, own), *arguments)
    with pytest.raises(AuthenticationError):
        TwinSession.accept(pair.bob_identity, pair.ring, session.encrypt(b"", b"", Fresh()), our_address=BOB, now=NOW)
