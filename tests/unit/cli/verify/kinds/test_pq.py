from __future__ import annotations

from typing import Any

import pytest
from support.pq import SESSION_ID, exchange
from support.suite import document

from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.cli.verify.kinds.pq import decode, encode, move, offer, read_key
from ratchetlib.errors import ProtocolViolation
from ratchetlib.ratchet.pq import codec


def test_any_chunks_rebuild_what_they_were_made_of() -> None:
    stream = bytes(range(256)) * 4 + bytes(13 * 96 - 1024)
    points = list(range(40, 53))
    chunks = encode(Fields({"code": "key", "stream": stream.hex(), "indices": points}))["chunks"]
    assert isinstance(chunks, list)
    listed = [{"index": index, "chunk": chunk} for index, chunk in zip(points, chunks, strict=True)]
    assert decode(Fields({"code": "key", "chunks": listed})) == {"stream": stream.hex()}


def test_a_set_that_does_not_fit_is_dropped() -> None:
    made = offer(Fields({"seed": "00" * 64}))
    stream = bytes.fromhex(str(made["stream"]))
    listed = [{"index": n, "chunk": stream[96 * n : 96 * n + 96].hex()} for n in range(13)]
    assert read_key(Fields({"chunks": listed})) == {"dropped": False, "key": made["key"]}
    listed[0]["chunk"] = "00" * 96
    assert read_key(Fields({"chunks": listed})) == {"dropped": True, "key": ""}


def moved(state: Any, *, initiator: bool, **inputs: object) -> dict[str, object]:
    before = codec.encode(state).hex()
    return move(Fields({"before": before, "initiator": initiator, **inputs}))


def test_the_machine_moves() -> None:
    states = exchange()
    idle = moved(states.idle, initiator=True, event="opens chain", seed="11" * 64)
    assert str(idle["after"])[10:12] == "01"
    ready = moved(states.ready, initiator=True, event="opens chain")
    assert ready["secret"] == codec.encode(states.ready)[6:].hex()
    assert moved(states.idle, initiator=True, event="sends")["kind"] == 0
    next_chain = moved(states.answering, initiator=False, event="next chain", pq_epoch=1)
    assert next_chain["secret"] == ready["secret"]


def test_the_machine_refuses() -> None:
    chunk = {"chunk_kind": 1, "chunk_index": 0, "chunk_data": "00" * 96}
    with pytest.raises(ProtocolViolation):
        moved(exchange().idle, initiator=True, event="receives", pq_epoch=0, session_id=SESSION_ID.hex(), **chunk)


def test_an_event_that_there_is_not() -> None:
    with pytest.raises(BadVectorError):
        moved(exchange().idle, initiator=True, event="sleeps")


def test_every_pair_of_phase_and_event_of_the_table_is_in_the_vectors() -> None:
    group = next(group for group in document("v1/pq_epochs.json")["testGroups"] if group["type"] == "PqMove")
    seen = {(test["before"][10:12], test["event"]) for test in group["tests"]}
    assert seen == {
        (f"0{phase}", event) for phase in range(6) for event in ("opens chain", "sends", "receives", "next chain")
    }
