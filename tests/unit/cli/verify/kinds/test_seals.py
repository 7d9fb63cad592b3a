from __future__ import annotations

import pytest

from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.seals import seal_, seal_a_header, try_headers, unseal
from ratchetlib.cli.verify.refusal import Refused
from ratchetlib.primitives import answers

PLACE = {"session_id": "11" * 32, "direction": 1, "message_type": 2, "nonce": "22" * 12}
HEADER = {
    "ratchet_key": "33" * 32,
    "previous_length": 1,
    "number": 2,
    "pq_epoch": 3,
    "chunk_kind": 1,
    "chunk_index": 4,
    "chunk": "55" * 96,
}


def test_a_header_opens_under_its_key_and_is_what_was_sealed() -> None:
    made = seal_a_header(Fields({**PLACE, **HEADER, "key": "66" * 32, "ad": ""}))
    expected = "33" * 32 + "00000001" + "00000002" + "00000003" + "01" + "04" + "55" * 96
    assert made["header"] == expected
    keys = ["77" * 32, "66" * 32]
    assert try_headers(Fields({**PLACE, "keys": keys, "sealed": [made["sealed"]]})) == {
        "opened_by": [1],
        "headers": [expected],
    }
    with pytest.raises(Refused):
        try_headers(Fields({**PLACE, "keys": keys[:1], "sealed": [made["sealed"]]}))


def test_the_seal_is_that_of_the_self_test() -> None:
    inputs = {
        "key": bytes(range(32)).hex(),
        "person": "PERSON_SEAL_BODY",
        "nonce": bytes(range(24)).hex(),
        "ad": b"associated".hex(),
    }
    made = seal_(Fields({**inputs, "plaintext": b"plaintext".hex()}))
    sealed = f"{made['commitment']}{made['ciphertext']}"
    assert sealed == answers.COMMITTING_SEAL.hex()
    assert unseal(Fields({**inputs, "sealed": sealed})) == {"plaintext": b"plaintext".hex()}
    with pytest.raises(Refused):
        unseal(Fields({**inputs, "sealed": sealed[:-2] + "00"}))
