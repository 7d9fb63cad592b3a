from __future__ import annotations

import hashlib
import hmac

import pytest

from ratchetlib import labels
from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.kdf import chain, label, root

KEY = "11" * 32


def test_a_chain_step_is_one_keyed_hash() -> None:
    halves = hashlib.blake2b(key=bytes.fromhex(KEY), person=b"ratchetlib1chain").hexdigest()
    once = chain(Fields({"chain_key": KEY, "steps": 1}))
    assert once == {"next_chain_key": halves[:64], "message_key": halves[64:]}
    assert chain(Fields({"chain_key": KEY, "steps": 2})) == chain(Fields({"chain_key": halves[:64], "steps": 1}))


def test_a_root_step_is_one_hkdf() -> None:
    inputs = {"root_key": "22" * 32, "dh": "33" * 32, "sender": "44" * 32, "receiver": "55" * 32, "pq_epoch": 7}
    step = root(Fields({**inputs, "pq_secret": "66" * 32}))
    info = b"\0\0\0\x16ratchetlib/1 root step" + bytes.fromhex("44" * 32 + "55" * 32 + "00000007" + "01")
    pseudorandom = hmac.digest(bytes.fromhex("22" * 32), bytes.fromhex("33" * 32 + "66" * 32), "sha512")
    first = hmac.digest(pseudorandom, info + b"\1", "sha512")
    second = hmac.digest(pseudorandom, first + info + b"\2", "sha512")
    okm = (first + second).hex()
    assert step == {"next_root_key": okm[:64], "chain_key": okm[64:128], "next_header_key": okm[128:192]}
    assert root(Fields(inputs)) != step


@pytest.mark.parametrize(
    ("name", "inputs", "length"),
    [
        ("SIGN_BUNDLE", {"key": KEY, "data": ""}, 64),
        ("HASH_RECORD", {"data": "00"}, 64),
        ("KDF_SESSION", {"key": KEY, "salt": "00" * 64, "data": "", "length": 33}, 33),
        ("PERSON_STATE_KEY", {"key": KEY, "data": ""}, 64),
        ("AD_BODY", {"data": "ff"}, 4 + len(labels.AD_BODY) + 1),
    ],
)
def test_a_label_is_used_as_its_name_says(name: str, inputs: dict[str, object], length: int) -> None:
    outputs = label(Fields({"name": name, **inputs}))
    assert outputs["label"] == getattr(labels, name).hex()
    assert len(str(outputs["output"])) == 2 * length
