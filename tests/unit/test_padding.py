from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import floor, log2
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchetlib import FixedBuckets, NoPadding, Padme, UsageError
from ratchetlib.limits import MAX_PLAINTEXT_CEILING
from ratchetlib.padding import pad, unpad

if TYPE_CHECKING:
    from ratchetlib import PaddingPolicy

POLICIES: list[PaddingPolicy] = [Padme(), Padme(1), Padme(300), FixedBuckets((64, 512, 4_096)), NoPadding()]
policies = st.sampled_from(POLICIES)
plaintexts = st.binary(max_size=600)


@dataclass(frozen=True)
class Fixed:
    """A policy of an application, right or wrong."""

    size: int

    def padded_length(self, length: int) -> int:  # noqa: ARG002  # the wrong ones do not look
        return self.size


def padme_of_the_paper(length: int) -> int:
    """PETS 2019, section 4, as printed: E, S, the mask of the last E - S bits."""
    exponent = floor(log2(length))
    significant = floor(log2(exponent)) + 1
    mask = (1 << exponent - significant) - 1
    return (length + mask) // (mask + 1) * (mask + 1)


# --- the encoding -------------------------------------------------------------------------------


@given(plaintexts, policies)
def test_what_is_padded_comes_back(plaintext: bytes, policy: PaddingPolicy) -> None:
    padded = pad(plaintext, policy)
    assert len(padded) == policy.padded_length(len(plaintext) + 1)
    assert unpad(padded) == plaintext


@given(plaintexts, st.integers(min_value=0, max_value=600))
def test_any_canonical_tail_is_taken(plaintext: bytes, zeros: int) -> None:
    assert unpad(plaintext + b"\x80" + bytes(zeros)) == plaintext


@given(st.binary(max_size=100))
def test_whatever_unpads_is_a_plaintext_a_marker_and_zeros(padded: bytes) -> None:
    plaintext = unpad(padded)
    if plaintext is not None:
        assert pad(plaintext, Fixed(len(padded))) == padded


@pytest.mark.attack("A50")
@given(st.binary(max_size=100), st.integers(min_value=0, max_value=255).filter(lambda byte: byte not in {0x00, 0x80}))
def test_no_marker_is_none_and_not_an_error(padded: bytes, last: int) -> None:
    assert unpad(padded + bytes([last])) is None
    assert unpad(padded + bytes([last, 0, 0])) is None


@pytest.mark.attack("A50")
@pytest.mark.parametrize("padded", [b"", b"\0", bytes(64)])
def test_nothing_and_zeros_alone_are_no_padding(padded: bytes) -> None:
    assert unpad(padded) is None


def test_zeros_alone_may_stand_behind_the_marker() -> None:
    for byte in set(range(256)) - {0x00, 0x80}:
        assert unpad(b"text\x80" + bytes([byte]) + b"\0") is None


def test_the_last_marker_counts() -> None:
    assert unpad(b"\x80\x80\0") == b"\x80"
    assert unpad(b"a\0\x80\0\0") == b"a\0"
    assert unpad(b"\x80") == b""


@pytest.mark.parametrize("size", [-1, 0, 5, 101, MAX_PLAINTEXT_CEILING, True, 6.0, "6", None])
def test_a_policy_that_gives_no_size_for_the_plaintext_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match="the padding policy must give 6 to 100 bytes"):
        pad(b"hello", Fixed(size), 100)


def test_the_size_may_be_the_least_and_the_most() -> None:
    assert pad(b"hello", Fixed(6), 6) == b"hello\x80"
    assert len(pad(b"hello", Fixed(100), 100)) == 100
    with pytest.raises(UsageError, match=f"must give 6 to {MAX_PLAINTEXT_CEILING} bytes"):
        pad(b"hello", Fixed(MAX_PLAINTEXT_CEILING + 1))


# --- the policies -------------------------------------------------------------------------------


@given(st.integers(min_value=65, max_value=2**40))
def test_padme_is_that_of_the_paper(length: int) -> None:
    assert Padme().padded_length(length) == padme_of_the_paper(length)


@given(st.integers(min_value=1, max_value=2**30), st.integers(min_value=1, max_value=4_096))
def test_padme_costs_at_most_12_percent_above_its_floor(length: int, least: int) -> None:
    padded = Padme(least).padded_length(length)
    assert padded >= max(length, least)
    assert padded == least or padded * 100 <= length * 112
    assert Padme(least).padded_length(padded) == padded


@pytest.mark.attack("A108")
def test_padme_grows_with_the_length_and_has_few_sizes() -> None:
    sizes = [Padme().padded_length(length) for length in range(1, 2**16 + 1)]
    assert all(one <= other for one, other in itertools.pairwise(sizes))
    # Octaves from 2^6 and 2^7 have 8 sizes each, those from 2^8 to 2^15 have 16, and the last is 2^16 itself.
    assert len(set(sizes)) == 2 * 8 + 8 * 16 + 1
    assert sizes[:64] == [64] * 64


@pytest.mark.attack("A108")
def test_short_messages_look_alike() -> None:
    assert {len(pad(b"x" * length, Padme())) for length in range(64)} == {64}


def test_fixed_buckets_take_the_smallest_that_holds() -> None:
    buckets = FixedBuckets((64, 512, 4_096))
    assert [buckets.padded_length(length) for length in (1, 64, 65, 512, 513, 4_096)] == [
        64,
        64,
        512,
        512,
        4_096,
        4_096,
    ]


@pytest.mark.attack("A108")
def test_fixed_buckets_refuse_what_fits_none() -> None:
    buckets = FixedBuckets((64, 512))
    assert len(pad(bytes(511), buckets)) == 512
    with pytest.raises(UsageError, match="the largest bucket holds 511 bytes of plaintext, not 512"):
        pad(bytes(512), buckets)


@pytest.mark.parametrize(
    "sizes",
    [(), (2, 1), (1, 1), (0,), (-1, 5), (1, MAX_PLAINTEXT_CEILING + 1), (True,), (1.0,), ("1",), [64], 64, None],
)
def test_buckets_that_are_none(sizes: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        FixedBuckets(sizes)


@pytest.mark.parametrize("least", [0, -1, MAX_PLAINTEXT_CEILING + 1, True, 64.0, "64", None])
def test_a_floor_that_is_none(least: int) -> None:
    with pytest.raises(UsageError, match="the floor must be an integer from 1 to 1073741824"):
        Padme(least)


def test_the_extremes_are_sizes() -> None:
    assert Padme(1).padded_length(1) == 1
    assert Padme(MAX_PLAINTEXT_CEILING).padded_length(5) == MAX_PLAINTEXT_CEILING
    assert FixedBuckets((1, MAX_PLAINTEXT_CEILING)).padded_length(2) == MAX_PLAINTEXT_CEILING


def test_no_padding_shows_the_length() -> None:
    assert [len(pad(bytes(length), NoPadding())) for length in range(5)] == [1, 2, 3, 4, 5]


def test_policies_are_values() -> None:
    assert Padme() == Padme(64)
    assert FixedBuckets((1,)) != FixedBuckets((2,))
    with pytest.raises(AttributeError):
        Padme().floor = 1  # type: ignore[misc]  # the point of the test
