# ruff: noqa: SLF001
# The self-test remembers a failure for the rest of the process: here it must forget.
"""The random source's health tests, and what must end a process: samples and draws that they refuse."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ratchetlib.cli.verify.refusal import Refused
from ratchetlib.cli.verify.world import named
from ratchetlib.limits import HEALTH_SAMPLE
from ratchetlib.primitives import health, selftest

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def sample(fields: Fields) -> Outputs:
    """The full test's sample: the beginning of a SHAKE-128 stream, with stretches of it replaced."""
    data = bytearray(hashlib.shake_128(fields.hex("seed")).digest(HEALTH_SAMPLE))
    for patch in fields.parts("patches"):
        put, start = patch.hex("hex"), patch.number("at")
        stride, times = patch.number("stride", len(put)), patch.number("times", 1)
        for position in range(start, start + times * stride, stride):
            data[position : position + len(put)] = put
    failure = health.sample_failure(bytes(data))
    if failure is not None:
        raise Refused("RandomnessError", "random")
    return {"sha256_of_sample": hashlib.sha256(data).hexdigest(), "longest_run": health.longest_run(bytes(data))}


def draws(fields: Fields) -> Outputs:
    """The continuous test: draws one after the other, the last of which repeats an earlier one or does not."""
    memory = health.RepeatMemory()
    first = fields.hex("first")
    drawn = [first, *(hashlib.sha256(bytes([n >> 8, n & 255])).digest() for n in range(fields.number("between")))]
    for data in [*drawn, fields.hex("last")]:
        if health.repetition_failure(data) or memory.failure(data):
            raise Refused("RandomnessError", "random")
    return {"sha256_of_draws": hashlib.sha256(first + fields.hex("last")).hexdigest()}


def self_test(fields: Fields) -> Outputs:
    """The self-test, with one check of it giving a wrong answer if the case says so."""
    kept, failed = dict(selftest.CHECKS), list(selftest._failed)
    if fields.has("broken"):
        named(selftest.CHECKS, fields.text("broken"))
        selftest.CHECKS[fields.text("broken")] = lambda: False
    try:
        selftest.require()
    finally:
        selftest.CHECKS.update(kept)
        selftest._failed[:] = failed
    return {}
