"""The root step, held against HKDF written with the standard library alone."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from ratchetlib.keys import DhPublicKey, DhSecret, PqSecret, RootKey
from ratchetlib.ratchet.root import root_step

ROOT, DH, PQ = b"r" * 32, b"d" * 32, b"q" * 32
SENDER, RECEIVER = DhPublicKey(b"s" * 32), DhPublicKey(b"t" * 32)


def step(**changes: Any) -> bytes:
    inputs = {"root": ROOT, "dh": DH, "pq": None, "sender": SENDER, "receiver": RECEIVER, "epoch": 7} | changes
    pq = None if inputs["pq"] is None else PqSecret(inputs["pq"])
    stepped = root_step(
        RootKey(inputs["root"]),
        DhSecret(inputs["dh"]),
        pq,
        sender=inputs["sender"],
        receiver=inputs["receiver"],
        pq_epoch=inputs["epoch"],
    )
    return stepped.root_key.raw + stepped.chain_key.raw + stepped.next_header_key.raw


def by_hand(secret: bytes, mixed: bytes) -> bytes:
    label = b"ratchetlib/1 root step"
    info = len(label).to_bytes(4, "big") + label + SENDER + RECEIVER + (7).to_bytes(4, "big") + mixed
    pseudorandom_key = hmac.digest(ROOT, secret, "sha512")
    one = hmac.digest(pseudorandom_key, info + b"\1", "sha512")
    return (one + hmac.digest(pseudorandom_key, one + info + b"\2", "sha512"))[:96]


def test_it_is_the_formula() -> None:
    assert step() == by_hand(DH, b"\0")
    assert step(pq=PQ) == by_hand(DH + PQ, b"\1")


@pytest.mark.attack("A41", "A62", "A70")
def test_every_input_matters() -> None:
    other = DhPublicKey(b"o" * 32)
    outputs = [
        step(),
        step(root=b"R" * 32),
        step(dh=b"D" * 32),
        step(pq=PQ),
        step(pq=b"Q" * 32),
        step(pq=PQ, dh=b"D" * 32),
        step(sender=other),
        step(receiver=other),
        step(sender=RECEIVER, receiver=SENDER),
        step(epoch=8),
    ]
    keys = {output[start : start + 32] for output in outputs for start in (0, 32, 64)}
    assert len(keys) == 3 * len(outputs)
