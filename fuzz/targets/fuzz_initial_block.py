"""Under the handshake's key an identity block is whom the session is with, or is refused and the ring unchanged."""

from __future__ import annotations

from harness.draws import deterministic
from harness.handshake import attempt, first_message
from harness.oracles import parsed, require, require_same
from harness.people import BOB, NOW, people
from harness.sealed import content_of

from ratchetlib import PrekeyRing, Session
from ratchetlib.handshake.block import IdentityBlock

_UNTOUCHED = content_of(PrekeyRing(people().ring))
_SKEW = 86_400


@deterministic
def one_input(data: bytes) -> None:
    """The first byte says whether there is a one-time item; the rest is the block, sealed properly."""
    start, block = attempt(one_time=bool(data[:1] > b"\x7f")), data[1:]
    ring = PrekeyRing(people().ring)
    message = first_message(start, block)
    accepted = parsed(lambda sent: Session.accept(people().bob, ring, sent, our_address=BOB, now=NOW), message)
    claimed = parsed(IdentityBlock.from_bytes, block)
    if claimed is not None:
        require_same(block, claimed.to_bytes())
    if accepted is None:
        require(content_of(ring) == _UNTOUCHED, "a refused first message has changed the ring")
        require(claimed is None or not _is_sound(claimed), "a sound block is refused")
        return
    if claimed is None or not _is_sound(claimed):
        require(holds=False, invariant="a block is accepted that no initiator writes")
        return
    session, plaintext = accepted
    require(plaintext == b"first", "another plaintext than was sent")
    require(session.peer_address == claimed.address and session.created_at == claimed.created_at, "of another block")
    require(session.peer_identity == claimed.identity, "a session with another identity than the block claims")
    require(content_of(ring) != _UNTOUCHED, "a handshake leaves no trace in the ring")


def _is_sound(block: IdentityBlock) -> bool:
    bob = people().bob.public
    ours = block.identity.signing == bob.signing or block.identity.agreement == bob.agreement
    return not ours and block.created_at <= NOW + _SKEW
