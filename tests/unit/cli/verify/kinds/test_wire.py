from __future__ import annotations

import pytest
from support.pair import ALICE, NOW, initiate

from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.wire import block, block_of, message, prefix
from ratchetlib.errors import MalformedMessage


def test_a_first_message_is_taken_apart_and_together() -> None:
    encoded = initiate()[3].encrypt(b"")
    parts = message(Fields({"message": encoded.hex(), "max_padded": 64}))
    assert parts["type"] == 1
    assert parts["same"] is True
    assert prefix(Fields({"encoded": parts["prefix"]}))["same"] is True
    with pytest.raises(MalformedMessage):
        message(Fields({"message": encoded.hex(), "max_padded": 63}))


def test_an_identity_block_goes_there_and_back() -> None:
    identity = initiate()[0].public.to_bytes().hex()
    inputs = {"identity": identity, "address": ALICE.hex(), "created_at": NOW}
    parsed = block(Fields(block_of(Fields(inputs))))
    assert parsed == {**inputs, "highest_version": 1, "same": True}
