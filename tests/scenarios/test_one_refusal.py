"""Whatever is wrong with a message that no session of ours wrote, the answer is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.hostile import flip
from support.pair import initiate, make_pair, reopened, snapshot

from ratchetlib import AuthenticationError, Session

if TYPE_CHECKING:
    from support.pair import Pair

HEAD, NONCE, HEADER, COMMITMENT = 2, 24, 158, 32


def forgeries(pair: Pair) -> dict[str, bytes]:
    """One for each place at which opening a message can fail."""
    genuine = pair.alice.encrypt(b"genuine")
    offset = HEAD + NONCE
    *_, stranger = initiate()
    return {
        "of another session": make_pair().confirm().alice.encrypt(b"genuine"),
        "of a session not yet begun": stranger.encrypt(b"genuine"),
        "turned around": pair.bob.encrypt(b"genuine"),
        "its nonce": flip(genuine, 8 * HEAD),
        "its header": flip(genuine, 8 * offset),
        "its commitment": flip(genuine, 8 * (offset + HEADER)),
        "its ciphertext": flip(genuine, 8 * (offset + HEADER + COMMITMENT)),
        "its tag": flip(genuine, 8 * len(genuine) - 1),
        "zeros": b"\1\2" + bytes(300),
    }


def refusal(session: Session, message: bytes) -> tuple[object, ...]:
    """All that a caller can see of it."""
    with pytest.raises(AuthenticationError) as caught:
        session.decrypt(message)
    error = caught.value
    return type(error), error.args, str(error), vars(error), error.__cause__, error.__context__


@pytest.mark.attack("A116")
def test_every_forgery_gets_the_same_refusal() -> None:
    pair = make_pair().confirm()
    pair.bob.decrypt(pair.alice.encrypt(b""))
    found = {name: refusal(reopened(pair.bob), message) for name, message in forgeries(pair).items()}
    assert len({repr(seen) for seen in found.values()}) == 1, found


@pytest.mark.attack("A116")
def test_no_forgery_leaves_a_trace() -> None:
    pair = make_pair().confirm()
    pair.bob.decrypt(pair.alice.encrypt(b""))
    messages = forgeries(pair)
    before = snapshot(pair.bob)
    for message in messages.values():
        refusal(pair.bob, message)
        assert snapshot(pair.bob) == before
