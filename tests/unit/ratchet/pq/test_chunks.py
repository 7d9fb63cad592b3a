"""Chunks on their way, and the set in which they are collected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchetlib.ratchet.pq.chunks import NO_CHUNK, Chunk, ChunkKind, collect
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH


def filled(byte: int) -> bytes:
    return bytes([byte]) * CHUNK_LENGTH


def test_kinds_are_those_of_the_wire() -> None:
    assert [(kind.name, kind.value) for kind in ChunkKind] == [("NONE", 0), ("KEY", 1), ("CIPHERTEXT", 2)]


def test_nothing_to_carry_is_all_zero() -> None:
    assert tuple(NO_CHUNK) == (0, 0, bytes(96))


def test_chunks_are_collected_by_their_points() -> None:
    assert collect({3: filled(3)}, Chunk(ChunkKind.KEY, 7, filled(7))) == {3: filled(3), 7: filled(7)}


def test_the_same_chunk_again_changes_nothing() -> None:
    collected = {3: filled(3), 7: filled(7)}
    assert collect(collected, Chunk(ChunkKind.KEY, 7, filled(7))) == collected


@pytest.mark.attack("A68")
def test_a_chunk_that_contradicts_the_set_begins_a_new_one() -> None:
    """Either of the two may be the false one: keeping the old one would let one false chunk poison an epoch."""
    assert collect({3: filled(3), 7: filled(7)}, Chunk(ChunkKind.KEY, 7, filled(8))) == {7: filled(8)}


@given(st.dictionaries(st.integers(0, 63), st.binary(min_size=1), max_size=4), st.integers(0, 63), st.binary())
def test_the_set_that_was_passed_in_is_left_as_it_was(collected: dict[int, bytes], point: int, data: bytes) -> None:
    before = dict(collected)
    after = collect(collected, Chunk(ChunkKind.KEY, point, data))
    assert collected == before
    assert after[point] == data
