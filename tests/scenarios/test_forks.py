"""Two states of one device: cloned, restored, continued twice. Nothing is ever sealed twice under one key and nonce."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from support.anchors import MemoryAnchor
from support.fixed_draws import twins
from support.pair import Pair, make_pair, reopened, snapshot

from ratchetlib import AuthenticationError, DuplicateMessage, Session, SessionForked, StateRolledBack, StateVault
from ratchetlib.primitives import aead

VAULT = StateVault({b"key": bytes(range(32))}, current=b"key")
RECORD = {"owner": b"alice", "peer": b"bob"}


@pytest.fixture
def pair() -> Pair:
    return make_pair().confirm()


def turn(sender: Session, receiver: Session) -> None:
    receiver.decrypt(sender.encrypt(b""))


def forked(session: Session, message: bytes) -> None:
    before = snapshot(session)
    with pytest.raises(SessionForked):
        session.decrypt(message)
    assert snapshot(session) == before


@pytest.mark.attack("A41")
@pytest.mark.parametrize("first", [0, 1])
def test_two_clones_that_both_open_a_chain_are_found_out(pair: Pair, first: int) -> None:
    clones = pair.alice, reopened(pair.alice)
    messages = [clone.encrypt(b"mine") for clone in clones]
    assert pair.bob.decrypt(messages[first]) == b"mine"
    forked(pair.bob, messages[1 - first])
    forked(pair.bob, clones[1 - first].encrypt(b"again"))
    assert pair.bob.decrypt(clones[first].encrypt(b"more")) == b"more"


@pytest.mark.attack("A41")
def test_the_other_clone_is_found_out_after_the_chain_has_closed_too(pair: Pair) -> None:
    clone = reopened(pair.alice)
    late = clone.encrypt(b"clone")
    turn(pair.alice, pair.bob)
    turn(pair.bob, pair.alice)
    turn(pair.alice, pair.bob)
    forked(pair.bob, late)


@pytest.mark.attack("A41", "A71")
def test_a_sender_restored_to_before_it_opened_a_chain_is_found_out(pair: Pair) -> None:
    backup = reopened(pair.alice)
    for _ in range(3):
        pair.bob.decrypt(pair.alice.encrypt(b""))
    restored = reopened(backup)
    for _ in range(5):
        forked(pair.bob, restored.encrypt(b"restored"))


@pytest.mark.attack("A41")
def test_a_clone_that_goes_on_behind_the_end_of_a_chain_is_not_heard(pair: Pair) -> None:
    """A peer that lost a save sends such messages too, so they prove no fork: their key is gone, that is all."""
    turn(pair.alice, pair.bob)
    clone = reopened(pair.alice)
    turn(pair.bob, pair.alice)
    turn(pair.alice, pair.bob)
    before = snapshot(pair.bob)
    with pytest.raises(AuthenticationError):
        pair.bob.decrypt(clone.encrypt(b"behind the end"))
    assert snapshot(pair.bob) == before
    turn(pair.bob, pair.alice)
    assert pair.bob.decrypt(pair.alice.encrypt(b"original")) == b"original"


@pytest.mark.attack("A41")
def test_a_clone_on_the_open_chain_uses_the_same_numbers(pair: Pair) -> None:
    """The second of two messages of one number is a duplicate: nothing in its header says that it is another one."""
    turn(pair.alice, pair.bob)
    clone = reopened(pair.alice)
    assert pair.bob.decrypt(pair.alice.encrypt(b"original")) == b"original"
    with pytest.raises(DuplicateMessage):
        pair.bob.decrypt(clone.encrypt(b"clone"))
    assert pair.bob.decrypt(clone.encrypt(b"clone again")) == b"clone again"


@pytest.mark.attack("A41", "A71")
def test_an_answer_to_what_another_clone_of_ours_has_sent_is_a_fork(pair: Pair) -> None:
    """The clone that has sent nothing learns that there is another one of it: the peer has done nothing wrong."""
    clone = reopened(pair.bob)
    to_both = pair.alice.encrypt(b"both")
    assert pair.bob.decrypt(to_both) == clone.decrypt(to_both) == b"both"
    turn(pair.bob, pair.alice)
    answer = pair.alice.encrypt(b"for the original")
    forked(clone, answer)
    assert pair.bob.decrypt(answer) == b"for the original"


@pytest.mark.attack("A41")
def test_once_two_clones_have_healed_apart_neither_reads_the_other(pair: Pair) -> None:
    turn(pair.alice, pair.bob)
    clone = reopened(pair.bob)
    clone.encrypt(b"lost")
    turn(pair.bob, pair.alice)
    for _ in range(3):
        later = pair.alice.encrypt(b"for the original")
        with pytest.raises(AuthenticationError):
            clone.decrypt(later)
        assert pair.bob.decrypt(later) == b"for the original"
        turn(pair.bob, pair.alice)


@pytest.mark.attack("A46", "A71")
@pytest.mark.parametrize("opening", [True, False], ids=["new chain", "open chain"])
def test_two_clones_never_use_one_key_stream_twice(pair: Pair, *, opening: bool) -> None:
    if not opening:
        turn(pair.alice, pair.bob)
    clones = [reopened(pair.alice) for _ in range(4)]
    keys: list[bytes] = []
    genuine = aead.seal_once

    def recording(key: bytes, plaintext: bytes) -> bytes:
        keys.append(key)
        return genuine(key, plaintext)

    with patch.object(aead, "seal_once", recording):
        messages = [[clone.encrypt(bytes([n]) * 63) for n in range(50)] for clone in clones]
    assert len(set(keys)) == len(keys) == 200
    for versions in zip(*messages, strict=True):
        assert len({message[2:26] for message in versions}) == 4
        assert len({message[26:184] for message in versions}) == 4
        assert len({message[184:216] for message in versions}) == 4
        # Under one key stream, equal plaintexts would give equal ciphertexts.
        assert len({message[216:] for message in versions}) == 4


def stored() -> tuple[MemoryAnchor, bytes]:
    """An anchor, and the anchored blob of a session that has a chain open."""
    pair = make_pair().confirm()
    turn(pair.alice, pair.bob)
    anchor, blob = MemoryAnchor(), VAULT.seal(pair.alice, generation=1, **RECORD)
    VAULT.advance(blob, kind=Session, anchor=anchor, **RECORD)
    return anchor, blob


@pytest.mark.attack("A118", "A71")
@pytest.mark.parametrize(("seed", "more"), [(1, 0), (0, 1), (1, 1)], ids=["other draws", "a message more", "both"])
def test_of_two_machines_resumed_from_one_snapshot_the_second_sends_nothing(seed: int, more: int) -> None:
    """Both hold the session in memory, from one blob under one anchor, before either has written."""
    anchor, blob = stored()
    first, second = (VAULT.open(blob, kind=Session, anchor=anchor, **RECORD) for _ in range(2))
    with twins() as restart:
        restart(0)
        first.encrypt(b"from the first")
        VAULT.advance(VAULT.seal(first, generation=2, **RECORD), kind=Session, anchor=anchor, **RECORD)
        restart(seed)
        for _ in range(1 + more):
            second.encrypt(b"from the second")
        late = VAULT.seal(second, generation=2, **RECORD)
    with pytest.raises(StateRolledBack):
        VAULT.advance(late, kind=Session, anchor=anchor, **RECORD)
    with pytest.raises(StateRolledBack):
        VAULT.open(blob, kind=Session, anchor=anchor, **RECORD)


@pytest.mark.attack("A118")
def test_machines_that_draw_and_do_the_same_are_one_to_the_anchor() -> None:
    """What the specification says of a source that repeats: nothing in the protocol protects against it."""
    anchor, blob = stored()
    clones = [VAULT.open(blob, kind=Session, anchor=anchor, **RECORD) for _ in range(2)]
    plaintexts, bodies, blobs = (b"a" * 63, b"b" * 63), [], []
    with twins() as restart:
        for clone, plaintext in zip(clones, plaintexts, strict=True):
            restart(0)
            bodies.append(clone.encrypt(plaintext)[216:279])
            blobs.append(VAULT.seal(clone, generation=2, **RECORD))
            VAULT.advance(blobs[-1], kind=Session, anchor=anchor, **RECORD)
    assert blobs[0] == blobs[1]
    assert different(*bodies) == different(*plaintexts)


def different(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


@pytest.mark.attack("A46")
def test_the_difference_of_two_ciphertexts_is_not_that_of_the_plaintexts(pair: Pair) -> None:
    turn(pair.alice, pair.bob)
    clone = reopened(pair.alice)
    texts = b"a" * 63, b"b" * 63
    bodies = [session.encrypt(text)[216:-16] for session, text in zip((pair.alice, clone), texts, strict=True)]
    difference = bytes(one ^ other for one, other in zip(*bodies, strict=True))
    assert difference[:63] != bytes(one ^ other for one, other in zip(*texts, strict=True))
