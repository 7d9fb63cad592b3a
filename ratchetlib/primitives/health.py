"""Health tests of the random source.

SP 800-90B 4.4's repetition count and adaptive proportion tests, and a block-repeat test, because those two miss
every source that repeats with a period of about 40 bytes or more. They find stuck and periodic sources. They cannot
find a good generator with a bad seed, and do not claim to.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ratchetlib.limits import (
    PROPORTION_CUTOFF,
    PROPORTION_WINDOW,
    REPEAT_BLOCK,
    REPEAT_MEMORY,
    REPETITION_CUTOFF,
)

_LONG_RUN: Final = re.compile(rb"(.)\1{%d}" % (REPETITION_CUTOFF - 1), re.DOTALL)


def repetition_failure(data: bytes) -> str | None:
    """SP 800-90B 4.4.1: REPETITION_CUTOFF equal bytes in a row."""
    if _LONG_RUN.search(data):
        return f"{REPETITION_CUTOFF} equal bytes in a row"
    return None


def proportion_failure(data: bytes) -> str | None:
    """SP 800-90B 4.4.2: the first byte of a whole window comes too often within it."""
    for start in range(0, len(data) - PROPORTION_WINDOW + 1, PROPORTION_WINDOW):
        if data.count(data[start], start, start + PROPORTION_WINDOW) >= PROPORTION_CUTOFF:
            return f"one byte value {PROPORTION_CUTOFF} times in {PROPORTION_WINDOW}"
    return None


def period_failure(data: bytes) -> str | None:
    """The first block comes again at any offset, or two aligned blocks are equal."""
    if data.find(data[:REPEAT_BLOCK], 1) != -1:
        return "the first block repeats"
    blocks = [data[i : i + REPEAT_BLOCK] for i in range(0, len(data) - REPEAT_BLOCK + 1, REPEAT_BLOCK)]
    if len(set(blocks)) != len(blocks):
        return "two blocks are equal"
    return None


def sample_failure(sample: bytes) -> str | None:
    """The full test, on bytes that serve nothing else: the first failure found, or None."""
    return repetition_failure(sample) or proportion_failure(sample) or period_failure(sample)


def longest_run(data: bytes) -> int:
    """The length of the longest run of equal bytes in a non-empty string."""
    number = int.from_bytes(data, "big")
    # A run of n equal bytes is a run of n - 1 zeros here, and a search for zeros is one call into C.
    differences = (number ^ number >> 8).to_bytes(len(data), "big")[1:]
    zeros = 0
    while bytes(zeros + 1) in differences:
        zeros += 1
    return zeros + 1


class RepeatMemory:
    """The first block of recent draws, as digests: a draw may become a key and must not outlive it here.

    Two sets, the older one dropped when the newer is full: between REPEAT_MEMORY and twice as many are remembered.
    """

    __slots__ = ("_newer", "_older")

    def __init__(self) -> None:
        self._newer: set[bytes] = set()
        self._older: set[bytes] = set()

    def failure(self, draw: bytes) -> str | None:
        """Remember this draw; say so if its first block came before. Draws shorter than a block are not judged."""
        if len(draw) < REPEAT_BLOCK:
            return None
        digest = hashlib.blake2s(draw[:REPEAT_BLOCK]).digest()
        if digest in self._newer or digest in self._older:
            return "a draw repeats an earlier one"
        self._newer.add(digest)
        if len(self._newer) >= REPEAT_MEMORY:
            self._older, self._newer = self._newer, set()
        return None
