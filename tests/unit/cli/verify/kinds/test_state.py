from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.pair import make_pair

from ratchetlib import AnchorEntry, StateVault
from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds import state
from ratchetlib.cli.verify.kinds.state import context, open_blob, summary
from ratchetlib.errors import StateRolledBack
from ratchetlib.state.blob import Blob

if TYPE_CHECKING:
    from ratchetlib import Session

NAMES = {"kind": "session", "owner": b"alice".hex(), "peer": b"bob".hex()}
VAULT = StateVault({b"k": bytes(range(32))}, current=b"k")


def inputs_for(session: Session, generation: int) -> dict[str, object]:
    blob = VAULT.seal(session, owner=b"alice", peer=b"bob", generation=generation)
    return {**NAMES, "key_id": b"k".hex(), "storage_key": bytes(range(32)).hex(), "blob": blob.hex()}


def test_a_blob_is_opened_and_sealed_to_the_same_bytes() -> None:
    session = make_pair().alice
    outputs = open_blob(Fields({**inputs_for(session, 3), "minimum_generation": 3}))
    assert outputs == {"generation": 3, "summary": summary(session), "same": True}


def test_an_anchor_moves_forward_by_one_and_never_back() -> None:
    inputs = inputs_for(make_pair().alice, 3)
    commitment = Blob.from_bytes(bytes.fromhex(str(inputs["blob"]))).commitment.hex()
    behind = {"generation": 2, "commitment": "00" * 32}
    assert open_blob(Fields({**inputs, "anchor": behind}))["anchored"] == 3
    assert open_blob(Fields({**inputs, "anchor": {"generation": 3, "commitment": commitment}}))["anchored"] == 3
    for anchor in ({"generation": 4, "commitment": "00" * 32}, {"generation": 3, "commitment": "00" * 32}):
        with pytest.raises(StateRolledBack):
            open_blob(Fields({**inputs, "anchor": anchor}))
    with pytest.raises(StateRolledBack):
        open_blob(Fields(inputs))


def test_the_anchor_compares_before_it_advances() -> None:
    one, two = AnchorEntry(1, bytes(32)), AnchorEntry(2, bytes(32))
    anchor = state._Anchor(one)
    assert not anchor.compare_and_advance(b"", two, one)
    assert anchor.compare_and_advance(b"", one, two)
    assert anchor.read(b"") == two


def test_summaries_say_what_there_is() -> None:
    pair = make_pair(one_time=3)
    assert summary(pair.alice_identity) == {"public": pair.alice_identity.public.to_bytes().hex()}
    assert summary(pair.ring)["one_time_items"] == 2
    told = summary(pair.bob)
    assert (told["sent"], told["received"], told["pq_phase"]) == (None, 1, "Collecting")


def test_a_context_has_a_tag_and_a_name() -> None:
    outputs = context(Fields({**NAMES, "storage_key": "00" * 32}))
    assert {name: len(str(value)) for name, value in outputs.items()} == {
        "record_key": 64,
        "tag": 32,
        "record_name": 64,
    }
