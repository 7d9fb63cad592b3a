"""Bounds on what is kept for late messages, over all chains of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib.limits import MAX_CLOSED_CHAINS, MAX_STORED_SKIPPED

if TYPE_CHECKING:
    from ratchetlib.ratchet.state import RatchetState


def bounded(state: RatchetState) -> RatchetState:
    """The state within its bounds: 5 closed chains, 2,000 stored keys; the oldest chain and the lowest N go first."""
    dropped = sum(len(chain.skipped) for chain in state.closed[MAX_CLOSED_CHAINS:])
    if len(state.closed) > MAX_CLOSED_CHAINS:
        state = state._replace(closed=state.closed[:MAX_CLOSED_CHAINS])
    excess = max(0, state.skipped_stored - MAX_STORED_SKIPPED)
    return _without(state, excess, dropped + excess)


def forgotten(state: RatchetState) -> RatchetState:
    """The state without any skipped key: late messages are given up, and a later compromise reads none of them."""
    stored = state.skipped_stored
    return _without(state, stored, stored)


def _without(state: RatchetState, evicted: int, lost: int) -> RatchetState:
    """The state without its `evicted` oldest keys; `lost` is what its figures show."""
    if lost == 0:
        return state
    chains = []
    for chain in reversed(tuple(state.chains)):
        share = min(evicted, len(chain.skipped))
        evicted -= share
        chains.append(chain.evict(share))
    *closed, receiving = chains
    return state._replace(
        receiving=receiving, closed=tuple(reversed(closed)), evicted=state.evicted + lost, last_eviction=lost
    )
