"""Under the handshake's key an identity block is whom the session is with, or is refused and the ring unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.draws import deterministic
from harness.handshake import attempt, first_message
from harness.oracles import parsed, refusal, require, require_same
from harness.people import BOB, NOW, people
from harness.sealed import content_of
from harness.work import MAX_HANDSHAKE_WORK, metered

from ratchetlib import HandshakeReplayed, PrekeyRing, Session, UnknownPrekey
from ratchetlib.handshake.block import IdentityBlock

if TYPE_CHECKING:
    from ratchetlib import IdentityKey

_UNTOUCHED = content_of(PrekeyRing(people().ring))
_SKEW = 86_400


@deterministic
def one_input(data: bytes) -> None:
    """The first byte says whether there is a one-time item and who is pinned; the rest is the block."""
    how, block = data[0] if data else 0, data[1:]
    one_time, pinned = bool(how & 1), (None, people().alice.public, people().bob.public)[(how >> 1) % 3]
    ring = PrekeyRing(people().ring)
    message = first_message(attempt(one_time=one_time), block)
    with metered() as meter:
        accepted = parsed(lambda sent: _accept(ring, sent, pinned), message)
    require(meter.read() <= MAX_HANDSHAKE_WORK, "a first message costs more work than it may")
    claimed = parsed(IdentityBlock.from_bytes, block)
    if claimed is not None:
        require_same(block, claimed.to_bytes())
    if accepted is None:
        require(content_of(ring) == _UNTOUCHED, "a refused first message has changed the ring")
        require(claimed is None or not _is_welcome(claimed, pinned), "a sound block is refused")
        return
    if claimed is None or not _is_welcome(claimed, pinned):
        require(holds=False, invariant="a block is accepted that must not be")
        return
    _require_of(claimed, accepted)
    again = refusal(lambda: _accept(ring, message, pinned))
    require(type(again) is (UnknownPrekey if one_time else HandshakeReplayed), "a handshake is accepted twice")


def _accept(ring: PrekeyRing, message: bytes, pinned: IdentityKey | None) -> tuple[Session, bytes]:
    return Session.accept(people().bob, ring, message, our_address=BOB, now=NOW, known_identity=lambda _address: pinned)


def _require_of(claimed: IdentityBlock, accepted: tuple[Session, bytes]) -> None:
    session, plaintext = accepted
    require(plaintext == b"first", "another plaintext than was sent")
    require(session.peer_address == claimed.address and session.created_at == claimed.created_at, "of another block")
    require(session.peer_identity == claimed.identity, "a session with another identity than the block claims")


def _is_welcome(block: IdentityBlock, pinned: IdentityKey | None) -> bool:
    bob = people().bob.public
    ours = block.identity.signing == bob.signing or block.identity.agreement == bob.agreement
    return not ours and block.created_at <= NOW + _SKEW and (pinned is None or pinned == block.identity)
