from __future__ import annotations

import hashlib

import pytest

from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.cli.verify.kinds.health import draws, sample, self_test
from ratchetlib.cli.verify.refusal import Refused
from ratchetlib.errors import SelfTestError
from ratchetlib.primitives import selftest

SEED = "00" * 32


def test_patches_are_written_where_they_say() -> None:
    data = bytearray(hashlib.shake_128(bytes(32)).digest(66_048))
    for at in (700, 710, 720):
        data[at : at + 2] = b"\1\2"
    patch = {"at": 700, "hex": "0102", "times": 3, "stride": 10}
    outputs = sample(Fields({"seed": SEED, "patches": [patch]}))
    assert outputs["sha256_of_sample"] == hashlib.sha256(data).hexdigest()


def test_a_stuck_sample_is_refused() -> None:
    with pytest.raises(Refused):
        sample(Fields({"seed": SEED, "patches": [{"at": 0, "hex": "00", "times": 6}]}))


def test_a_repeated_draw_is_refused() -> None:
    draws(Fields({"first": "fedcba9876543210" * 2, "between": 2, "last": "0123456789abcdef" * 2}))
    with pytest.raises(Refused):
        draws(Fields({"first": "0123456789abcdef" * 2, "between": 2, "last": "0123456789abcdef" * 2}))


def test_the_self_test_fails_and_recovers() -> None:
    with pytest.raises(SelfTestError, match="X25519 refusals"):
        self_test(Fields({"broken": "X25519 refusals"}))
    selftest.require()
    with pytest.raises(BadVectorError):
        self_test(Fields({"broken": "nothing"}))
