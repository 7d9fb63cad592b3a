"""What the model keeps of a world: every counter, phase and set of the real states, and no key.

The values are those of TLA+: a record is the frozen set of its fields, a sequence a tuple.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from schedules.devices import Party

from ratchetlib.ratchet.pq.chunks import ChunkKind
from ratchetlib.ratchet.pq.states import Carrying, Collecting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schedules.devices import Device, Message
    from schedules.explore import World

    from ratchetlib.ratchet.chains import ReceivingChain
    from ratchetlib.ratchet.pq import PqState

Value: TypeAlias = "int | str | frozenset[Value] | tuple[Value, ...]"

_KINDS = {ChunkKind.NONE: "none", ChunkKind.KEY: "key", ChunkKind.CIPHERTEXT: "answer"}


def record(fields: Mapping[str, Value]) -> Value:
    """A record of the model."""
    return frozenset(fields.items())


def abstract(world: World) -> Value:
    """The model's state for a world."""
    chains = {m.header.ratchet_key: m.place.chain for m in world.in_flight | world.delivered}
    return record(
        {
            "device": record({party.value: _device(world.device(party), chains) for party in Party}),
            "flying": frozenset(_message(message) for message in world.in_flight),
            "delivered": frozenset(_message(message) for message in world.delivered),
        }
    )


def _message(message: Message) -> Value:
    header = message.header
    return record(
        {
            "from": message.sender.value,
            "text": message.text,
            "chain": message.place.chain,
            "n": header.number,
            "pn": header.previous_length,
            "epoch": header.pq_epoch,
            "kind": _KINDS[ChunkKind(header.chunk.kind)],
            "point": header.chunk.point,
        }
    )


def _device(device: Device, chains: Mapping[bytes, int]) -> Value:
    state = device.state
    sending = state.sending
    return record(
        {
            "sending": 0 if sending is None else chains[sending.key_pair.public],
            "ns": 0 if sending is None else sending.number,
            "epoch": 0 if sending is None else sending.pq_epoch,
            "pn": state.turn.previous_length,
            "chains": tuple(_chain(chain, chains[chain.ratchet_key]) for chain in state.chains),
            "pq": _pq(state.pq),
            "since": state.since_dh_step,
            "sincepq": state.since_pq_step,
            "evicted": state.evicted,
            "last": state.last_eviction,
        }
    )


def _chain(chain: ReceivingChain, number: int) -> Value:
    return record(
        {
            "chain": number,
            "pn": chain.previous_length,
            "epoch": chain.pq_epoch,
            "nr": chain.number,
            "skipped": frozenset(chain.skipped),
            "below": chain.evicted_below,
        }
    )


def _pq(pq: PqState) -> Value:
    collected = pq.phase.collected if isinstance(pq.phase, Carrying | Collecting) else ()
    return record({"epoch": pq.epoch, "phase": type(pq.phase).__name__, "point": pq.point, "got": frozenset(collected)})
