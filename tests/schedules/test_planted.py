"""Mistakes planted in the code: the exploration of a few messages finds each."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import pytest
from schedules.checker import Checker
from schedules.explore import Bounds, beginning, growing
from schedules.settings import CHUNKED_EPOCHS, LIBRARY, SHORT_EPOCHS, Setting

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


class Planted(NamedTuple):
    """A mistake.

    Attributes:
        mistake: what stands in place of the code.
        places: of the code, each an owner and a name.
        invariant: one of those that do not hold then.
        setting: under which limits.
        bounds: how many messages each side sends.
    """

    mistake: object
    places: tuple[tuple[object, str], ...]
    invariant: str
    setting: Setting = LIBRARY
    bounds: Bounds = Bounds(3, 2)

    @property
    def name(self) -> str:
        owner, name = self.places[0]
        return getattr(self.mistake, "__name__", f"{getattr(owner, '__name__', owner)}.{name}")


_SKIPPED = ((ReceivingChain, "_take_skipped"),)
PLANTED = [
    Planted(used_key_kept, _SKIPPED, "repeats_refused"),
    Planted(key_removed_in_place, _SKIPPED, "tampering_refused"),
    Planted(repeats_as_forgeries, _SKIPPED, "repeats_refused"),
    Planted(gap_forgotten, ((ReceivingChain, "close"),), "arrives"),
    Planted(newest_evicted, ((ReceivingChain, "evict"),), "stored_exactly", Setting(max_stored=1)),
    Planted(chain_key_kept, ((_ENCRYPT, "chain_step"), (chains, "chain_step")), "keys_differ"),
    Planted(header_key_kept, ((_ENCRYPT, "root_step"), (_DECRYPT, "root_step")), "secrets_differ"),
    Planted(secret_not_mixed, ((_DECRYPT, "root_step"),), "arrives", SHORT_EPOCHS),
    Planted(length_off_by_one, ((_ENCRYPT, "Header"),), "numbered"),
    Planted(turn_off_by_one, ((_DECRYPT, "Turn"),), "chains_alternate"),
    Planted(private_key_kept, ((_DECRYPT, "_dh_ratchet"),), "chains_alternate"),
    Planted(late_messages_not_counted, ((RatchetState, "received"),), "counters_move"),
    Planted(data_not_bound, ((Binding, "body_data"),), "tampering_refused"),
    Planted(restart_loses_a_key, ((codec, "_decode_chain"),), "round_trip"),
    Planted(chunks_ignored, ((_DECRYPT, "absorb"),), "chunks_collected"),
    Planted(mixed_by_the_other_side, ((_ENCRYPT, "open_chain"),), "arrives", CHUNKED_EPOCHS),
    Planted(0, ((skipped, "MAX_CLOSED_CHAINS"),), "arrives"),
    Planted(LIBRARY.max_skip, ((_DECRYPT, "MAX_SKIP"),), "arrives", Setting(max_skip=1), Bounds(4, 1)),
    Planted(LIBRARY.max_skip, ((chains, "MAX_SKIP"),), "arrives", Setting(max_skip=1), Bounds(4, 0)),
]


@pytest.mark.parametrize(
    "planted", PLANTED, ids=lambda planted: getattr(planted.mistake, "__name__", planted.places[0][1])
)
def test_a_planted_mistake_is_found(planted: Planted) -> None:
    assert planted.invariant in broken_invariants(planted)


def broken_invariants(planted: Planted) -> set[str]:
    """Every invariant that does not hold."""
    with planted.setting.applied(), ExitStack() as stack:
        for owner, name in planted.places:
            stack.enter_context(patch.object(owner, name, planted.mistake))
        graph = growing(beginning(), planted.bounds)
        return {violation.invariant for violation in Checker(planted.setting).violations(graph)}
