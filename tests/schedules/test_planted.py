"""Mistakes planted in the code: the exploration of a few messages finds each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from schedules.checker import Checker
from schedules.explore import Bounds, beginning, growing
from schedules.settings import LIBRARY, SHORT_EPOCHS, TIGHT, Setting

from ratchetlib import ratchet
from ratchetlib.errors import AuthenticationError, DuplicateMessage
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.ratchet import Binding, RatchetState, chains, codec, skipped
from ratchetlib.ratchet.chains import ReceivingChain
from ratchetlib.ratchet.header import Header
from ratchetlib.ratchet.pq import PqState, open_chain
from ratchetlib.ratchet.pq.states import Answering, Idle
from ratchetlib.ratchet.root import RootStep, root_step
from ratchetlib.ratchet.state import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.keys import ChainKey, MessageKey
    from ratchetlib.wire import Reader

_ENCRYPT = sys.modules[ratchet.encrypt.__module__]  # the package exports the functions under these names
_DECRYPT = sys.modules[ratchet.decrypt.__module__]
_TAKE_SKIPPED = ReceivingChain._take_skipped
_BODY_DATA = Binding.body_data
_DH_RATCHET: Callable[..., tuple[RatchetState, MessageKey]] = _DECRYPT._dh_ratchet
_DECODE_CHAIN = codec._decode_chain


def used_key_kept(chain: ReceivingChain, number: int) -> tuple[ReceivingChain, MessageKey]:
    return chain, _TAKE_SKIPPED(chain, number)[1]


def key_removed_in_place(chain: ReceivingChain, number: int) -> tuple[ReceivingChain, MessageKey]:
    taken, key = _TAKE_SKIPPED(chain, number)
    del chain.skipped[number]  # type: ignore[attr-defined]
    return taken, key


def repeats_as_forgeries(chain: ReceivingChain, number: int) -> tuple[ReceivingChain, MessageKey]:
    try:
        return _TAKE_SKIPPED(chain, number)
    except DuplicateMessage:
        raise AuthenticationError from None


def gap_forgotten(chain: ReceivingChain, length: int) -> ReceivingChain:
    return chain._replace(chain_key=None, number=max(length, chain.number))


def newest_evicted(chain: ReceivingChain, count: int) -> ReceivingChain:
    numbers = list(chain.skipped)
    kept = {number: chain.skipped[number] for number in numbers[: len(numbers) - count]}
    return chain._replace(skipped=kept, evicted_below=numbers[count - 1] + 1) if count else chain


def chain_key_kept(chain_key: ChainKey) -> tuple[ChainKey, MessageKey]:
    return chain_key, chain_step(chain_key)[1]


def header_key_kept(*arguments: Any, **keywords: Any) -> RootStep:
    return root_step(*arguments, **keywords)._replace(next_header_key=HeaderKey(bytes(32)))


def secret_not_mixed(root_key: Any, dh_secret: Any, _: Any, **keywords: Any) -> RootStep:
    return root_step(root_key, dh_secret, None, **keywords)


def length_off_by_one(ratchet_key: bytes, previous_length: int, *rest: Any) -> Header:
    return Header(ratchet_key, previous_length + 1 if previous_length else 0, *rest)


def turn_off_by_one(root_key: Any, previous_length: int, *rest: Any) -> Turn:
    return Turn(root_key, previous_length + 1, *rest)


def private_key_kept(state: RatchetState, *rest: Any) -> tuple[RatchetState, MessageKey]:
    stepped, key = _DH_RATCHET(state, *rest)
    return stepped._replace(sending=state.sending), key


def late_messages_not_counted(state: RatchetState, receiving: ReceivingChain) -> RatchetState:
    return state._replace(receiving=receiving)


def data_not_bound(binding: Binding, sealed_header: bytes, _: bytes) -> bytes:
    return _BODY_DATA(binding, sealed_header, b"")


def restart_loses_a_key(reader: Reader) -> ReceivingChain:
    chain = _DECODE_CHAIN(reader)
    return chain._replace(skipped=dict(list(chain.skipped.items())[1:]))


def chunks_ignored(state: PqState, *_: object) -> PqState:
    return state


def mixed_by_the_other_side(state: PqState, session_id: bytes) -> tuple[PqState, Any]:
    if isinstance(state.phase, Answering):
        return PqState(state.epoch + 1, Idle()), state.phase.secret
    return open_chain(state, session_id)


Place = tuple[object, str]
PLANTED: list[tuple[tuple[Place, ...], object, str, Setting]] = [
    (((ReceivingChain, "_take_skipped"),), used_key_kept, "repeats_refused", LIBRARY),
    (((ReceivingChain, "_take_skipped"),), key_removed_in_place, "tampering_refused", LIBRARY),
    (((ReceivingChain, "_take_skipped"),), repeats_as_forgeries, "repeats_refused", LIBRARY),
    (((ReceivingChain, "close"),), gap_forgotten, "arrives", LIBRARY),
    (((ReceivingChain, "evict"),), newest_evicted, "stored_exactly", TIGHT),
    (((_ENCRYPT, "chain_step"), (chains, "chain_step")), chain_key_kept, "keys_differ", LIBRARY),
    (((_ENCRYPT, "root_step"), (_DECRYPT, "root_step")), header_key_kept, "secrets_differ", LIBRARY),
    (((_DECRYPT, "root_step"),), secret_not_mixed, "in_step", SHORT_EPOCHS),
    (((_ENCRYPT, "Header"),), length_off_by_one, "numbered", LIBRARY),
    (((_DECRYPT, "Turn"),), turn_off_by_one, "chains_alternate", LIBRARY),
    (((_DECRYPT, "_dh_ratchet"),), private_key_kept, "chains_alternate", LIBRARY),
    (((RatchetState, "received"),), late_messages_not_counted, "counters_move", LIBRARY),
    (((Binding, "body_data"),), data_not_bound, "tampering_refused", LIBRARY),
    (((codec, "_decode_chain"),), restart_loses_a_key, "round_trip", LIBRARY),
    (((_DECRYPT, "absorb"),), chunks_ignored, "chunks_collected", LIBRARY),
    (((_ENCRYPT, "open_chain"),), mixed_by_the_other_side, "arrives", SHORT_EPOCHS),
    (((skipped, "MAX_CLOSED_CHAINS"),), 0, "arrives", LIBRARY),
    (((chains, "MAX_SKIP"),), 3, "arrives", TIGHT),
]


@pytest.mark.parametrize(
    ("places", "mistake", "invariant", "setting"), PLANTED, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_planted_mistake_is_found(
    places: tuple[Place, ...], mistake: object, invariant: str, setting: Setting
) -> None:
    assert invariant in broken_invariants(places, mistake, setting)


def broken_invariants(places: tuple[Place, ...], mistake: object, setting: Setting) -> set[str]:
    """Every invariant that is violated within three messages each way (four for the sake of small limits)."""
    with setting.applied():
        patches = [patch.object(owner, name, mistake) for owner, name in places]
        for planted in patches:
            planted.start()
        try:
            graph = growing(beginning(), Bounds(4, 2))
            return {violation.invariant for violation in Checker(setting).violations(graph)}
        finally:
            for planted in patches:
                planted.stop()
