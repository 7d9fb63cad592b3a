"""What no stored ring or session may say, from docs/spec/state.md: whatever is read must be sound.

The library's own judgement is not asked; the fields are compared one by one, as the specification lists them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from harness.oracles import require

from ratchetlib.ratchet import Direction
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, Idle, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratchetlib.prekeys.contents import RingContents
    from ratchetlib.ratchet import RatchetState
    from ratchetlib.ratchet.chains import ReceivingChain
    from ratchetlib.session.state import SessionState

_LONGEST = 2**24
_KEY_CHUNKS = 13
_CIPHERTEXT_CHUNKS = 12


def require_sound_ring(contents: RingContents) -> None:
    """The section "Ring"."""
    bundles = [record.bundle for record in contents.bundles.values()]
    items = [record.item for record in contents.items.values()]
    owner = contents.owner.public
    require(all(bundle.identity.signing == owner.signing for bundle in bundles), "a bundle of another identity")
    require(all(bundle.identity.agreement == owner.agreement for bundle in bundles), "a bundle of another identity")
    require({part.address for part in (*bundles, *items)} <= {contents.address}, "a prekey of another address")
    require(1 <= len(contents.address) <= 128, "an address out of its bounds")
    _require_ascending([bundle.epoch for bundle in bundles], "epochs of bundles out of order")
    epochs = [item.epoch for item in items]
    require(epochs == sorted(epochs), "epochs of items out of order")
    require(all(part.epoch <= contents.epoch for part in (*bundles, *items)), "an epoch above the ring's")


def require_sound_session(state: SessionState) -> None:
    """The sections "Session", "Post-quantum state" and "Receiving chain"."""
    ratchet, initiator = state.ratchet, state.facts.sending is Direction.INITIATOR_TO_RESPONDER
    require(1 <= len(state.facts.our_address) <= 128, "an address out of its bounds")
    require(1 <= len(state.facts.peer_address) <= 128, "an address out of its bounds")
    require(ratchet.turn.previous_length <= _LONGEST, "a chain longer than any")
    require(ratchet.sending is None or ratchet.sending.number <= _LONGEST, "a chain longer than any")
    _require_sound_exchange(ratchet, initiator=initiator)
    for place, chain in enumerate(ratchet.chains):
        require((chain.chain_key is not None) == (place == 0), "another chain than the first is open, or it is closed")
        _require_sound_chain(chain)


def _require_sound_exchange(ratchet: RatchetState, *, initiator: bool) -> None:
    epoch, phase, point = ratchet.pq
    owner = initiator == (epoch % 2 == 0)
    require(isinstance(phase, (Idle, Carrying, Ready)) == owner, "a phase of the other role")
    require(point <= 63 and (not point or isinstance(phase, (Carrying, Answering))), "a next chunk that cannot be")
    if isinstance(phase, (Carrying, Collecting)):
        needed = _CIPHERTEXT_CHUNKS if isinstance(phase, Carrying) else _KEY_CHUNKS
        require(len(phase.collected) < needed, "a set of chunks that is complete")
        _require_ascending([*phase.collected, 64], "chunks out of order")


def _require_sound_chain(chain: ReceivingChain) -> None:
    require(max(chain.previous_length, chain.number, chain.evicted_below) <= _LONGEST, "a chain longer than any")
    require(chain.evicted_below <= chain.number, "more keys evicted than seen")
    _require_ascending([chain.evicted_below - 1, *chain.skipped, chain.number], "skipped keys out of order")


def _require_ascending(numbers: Iterable[int], invariant: str) -> None:
    require(all(low < high for low, high in pairwise(numbers)), invariant)
