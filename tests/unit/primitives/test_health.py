from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bad_sources import Periodic, Seeded, Symbols, stuck

from ratchetlib.limits import (
    HEALTH_SAMPLE,
    PROPORTION_CUTOFF,
    PROPORTION_WINDOW,
    REPEAT_BLOCK,
    REPEAT_MEMORY,
    REPETITION_CUTOFF,
)
from ratchetlib.primitives.health import (
    RepeatMemory,
    longest_run,
    period_failure,
    proportion_failure,
    repetition_failure,
    sample_failure,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# The cut-offs are written out here: a changed constant must fail.
ALPHA = 2**-40


def window_with(count: int) -> bytes:
    """One window whose first byte, a zero, comes `count` times, and no other byte often."""
    window = bytearray(1 + n % 255 for n in range(PROPORTION_WINDOW))
    window[: 2 * count : 2] = bytes(count)
    return bytes(window)


# --- repetition count (SP 800-90B 4.4.1) --------------------------------------------------------


@pytest.mark.attack("A121")
def test_a_constant_source_is_caught_at_byte_6() -> None:
    caught = [length for length in range(20) if repetition_failure(stuck(length))]
    assert caught == list(range(6, 20))


@pytest.mark.parametrize("byte", [b"\0", b"\n", b"\xff", b"\\"])
@pytest.mark.parametrize("place", [0, 1, 7, 26])
def test_a_run_is_found_wherever_it_stands(byte: bytes, place: int) -> None:
    noise = bytes(range(32, 64))
    assert repetition_failure(noise[:place] + byte * 6 + noise[place:]) == "6 equal bytes in a row"
    assert repetition_failure(noise[:place] + byte * 5 + noise[place:]) is None


def test_the_repetition_cut_off_is_that_of_the_standard() -> None:
    """C = 1 + ceil(-log2(alpha) / H), with alpha = 2^-40 and H = 8."""
    assert REPETITION_CUTOFF == 1 + 40 // 8


# --- adaptive proportion (SP 800-90B 4.4.2) -----------------------------------------------------


def test_the_proportion_cut_off_is_that_of_the_standard() -> None:
    """C = 1 + critical binomial of 512 bytes of probability 1/256 at 1 - alpha, computed in whole numbers."""
    total, ways, below = 256**PROPORTION_WINDOW, 255**PROPORTION_WINDOW, 0
    for critical in range(PROPORTION_WINDOW):
        below += ways
        if (total - below) / total <= ALPHA:
            break
        ways = ways * (PROPORTION_WINDOW - critical) // ((critical + 1) * 255)
    assert 1 + critical == PROPORTION_CUTOFF


def test_a_window_is_judged_by_how_often_its_first_byte_comes() -> None:
    assert proportion_failure(window_with(18)) is None
    assert proportion_failure(window_with(19)) == "one byte value 19 times in 512"


def test_every_whole_window_is_judged_and_a_part_of_one_is_not() -> None:
    good, bad = bytes(n % 256 for n in range(1, 513)), window_with(19)
    assert proportion_failure(good + good + bad)
    assert proportion_failure(good + bad[:-1]) is None
    assert proportion_failure(good[:100] + bad) is None, "windows do not overlap"
    assert proportion_failure(b"") is None


# --- repeated blocks ----------------------------------------------------------------------------


def test_the_first_block_is_looked_for_at_any_offset() -> None:
    block = bytes(range(REPEAT_BLOCK))
    assert period_failure(block + bytes(5) + block) == "the first block repeats"
    assert period_failure(block + bytes(5) + block[:-1]) is None


def test_other_blocks_are_looked_for_at_aligned_offsets() -> None:
    blocks = [bytes([n]) * REPEAT_BLOCK for n in range(4)]
    assert period_failure(b"".join(blocks)) is None
    assert period_failure(b"".join([*blocks, blocks[2]])) == "two blocks are equal"


def test_the_first_block_is_looked_for_from_the_next_byte_on() -> None:
    assert period_failure(bytes(REPEAT_BLOCK + 1)) == "the first block repeats"
    assert period_failure(bytes(REPEAT_BLOCK)) is None


def test_another_block_that_repeats_off_its_place_is_not_looked_for() -> None:
    first, block = bytes(range(REPEAT_BLOCK)), bytes(range(100, 100 + REPEAT_BLOCK))
    assert period_failure(first + block + bytes(5) + block) is None


def test_the_blocks_are_of_16_bytes() -> None:
    assert REPEAT_BLOCK == 16


# --- all of them --------------------------------------------------------------------------------


@pytest.mark.attack("A121")
@pytest.mark.parametrize("period", range(2, 29))
def test_a_short_period_is_caught_by_the_proportion_within_a_window(period: int) -> None:
    assert proportion_failure(Periodic(period)(PROPORTION_WINDOW))


@pytest.mark.attack("A121")
@pytest.mark.parametrize("period", [29, 30, 39, 40, 41, 255, 256, 257, 1000, 4096, 9973, 32_768, 65_535, 65_536])
def test_a_long_period_is_caught_by_the_blocks_within_it_and_512_bytes(period: int) -> None:
    source = Periodic(period)
    assert period_failure(source(period + PROPORTION_WINDOW))
    assert sample_failure(Periodic(period)(HEALTH_SAMPLE))


@pytest.mark.attack("A121")
def test_a_constant_source_fails_the_sample() -> None:
    assert sample_failure(stuck(HEALTH_SAMPLE)) == "6 equal bytes in a row"


@pytest.mark.attack("A121")
@pytest.mark.parametrize(("bits", "enough"), [(1, 512), (2, 512), (3, 512), (4, 512), (5, 4096)])
@pytest.mark.parametrize("seed", range(10))
def test_few_bits_a_byte_are_caught(bits: int, enough: int, seed: int) -> None:
    assert proportion_failure(Symbols(bits, seed)(enough))
    assert sample_failure(Symbols(bits, seed)(HEALTH_SAMPLE))


@pytest.mark.attack("A122")
@pytest.mark.parametrize("seed", range(10))
def test_a_good_generator_with_a_known_seed_passes(seed: int) -> None:
    """A recorded limitation: no test of the output can tell."""
    assert sample_failure(Seeded(seed)(HEALTH_SAMPLE)) is None


@pytest.mark.attack("A121")
def test_the_systems_generator_raises_no_alarm() -> None:
    failures = [sample_failure(os.urandom(HEALTH_SAMPLE)) for _ in range(300)]
    assert failures == [None] * 300


def test_a_sample_holds_the_longest_period_and_a_window() -> None:
    assert HEALTH_SAMPLE == 65_536 + 512


# --- longest run --------------------------------------------------------------------------------


@given(data=st.lists(st.sampled_from([0, 1, 255]), min_size=1).map(bytes))
def test_the_longest_run_is_the_one_that_counting_finds(data: bytes) -> None:
    assert longest_run(data) == max(len(list(run)) for _, run in groupby(data))


@pytest.mark.parametrize(
    ("data", "length"), [(b"\0", 1), (b"\0\0", 2), (b"\0\1", 1), (b"ab\0\0\0", 3), (b"\xff" * 700, 700)]
)
def test_longest_run(data: bytes, length: int) -> None:
    assert longest_run(data) == length


# --- memory of draws ----------------------------------------------------------------------------


def draws(numbers: Sequence[int]) -> list[bytes]:
    return [number.to_bytes(REPEAT_BLOCK, "big") + os.urandom(16) for number in numbers]


def test_a_repeated_first_block_is_noticed() -> None:
    memory = RepeatMemory()
    assert [memory.failure(draw) for draw in draws([1, 2, 3])] == [None] * 3
    assert memory.failure(draws([1])[0]) == "a draw repeats an earlier one"


def test_a_draw_of_one_block_is_judged_and_a_shorter_one_is_not() -> None:
    memory = RepeatMemory()
    for _ in range(3):
        assert memory.failure(b"x" * (REPEAT_BLOCK - 1)) is None
    assert memory.failure(b"x" * REPEAT_BLOCK) is None
    assert memory.failure(b"x" * REPEAT_BLOCK)


def test_at_least_4096_draws_and_at_most_twice_as_many_are_remembered() -> None:
    assert REPEAT_MEMORY == 4_096
    cases = ((0, True), (REPEAT_MEMORY - 1, True), (2 * REPEAT_MEMORY - 2, True), (2 * REPEAT_MEMORY - 1, False))
    for between, noticed in cases:
        memory = RepeatMemory()
        for draw in draws(range(between + 1)):
            assert memory.failure(draw) is None
        assert bool(memory.failure(draws([0])[0])) is noticed


@pytest.mark.parametrize("offset", [0, 1, REPEAT_MEMORY - 1])
def test_a_repeat_4096_draws_back_is_noticed_at_any_fill(offset: int) -> None:
    memory = RepeatMemory()
    for draw in draws(range(offset + REPEAT_MEMORY)):
        assert memory.failure(draw) is None
    assert memory.failure(draws([offset])[0])


def test_no_draw_is_kept() -> None:
    """A draw may become a key; what is remembered are digests."""
    memory = RepeatMemory()
    draw = os.urandom(32)
    memory.failure(draw)
    assert all(draw[:REPEAT_BLOCK] not in kept for kept in memory._newer | memory._older)
