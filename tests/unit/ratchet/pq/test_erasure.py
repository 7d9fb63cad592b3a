"""The erasure code, held against slow arithmetic that shares nothing with it but the definition.

The package is used through `Code` and `Encoder` alone, so that its tables may be built in any way.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache, reduce
from operator import xor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratchetlib.errors import UsageError
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH, Code, Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY_CHUNKS = 13
CIPHERTEXT_CHUNKS = 12
PROTOCOL_INDICES = range(64)
FIELD = range(256)

elements = st.integers(min_value=0, max_value=255)
# Never empty: b"" and 0 hash alike, and under `python -bb` Hypothesis trips over comparing the two in its cache.
seeds = st.binary(min_size=8, max_size=8)

# The reference is slow and the machine may be busy: what is tested is the answer, not the time.
unhurried = settings(deadline=None)


# --- the slow reference -------------------------------------------------------------------------


def slow_multiply(a: int, b: int) -> int:
    """Long multiplication of polynomials over GF(2), then long division by 0x11D, bit by bit."""
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11D << (bit - 8)
    return product


def slow_inverse(a: int) -> int:
    """a^254, because a^255 = 1."""
    return reduce(slow_multiply, [a] * 254)


def slow_lagrange(chunks: Mapping[int, bytes], x: int) -> bytes:
    """The textbook formula: each chunk times its basis polynomial at x, a quotient of two products."""
    value = bytes(CHUNK_LENGTH)
    for point, chunk in chunks.items():
        others = [other for other in chunks if other != point]
        numerator = reduce(slow_multiply, [x ^ other for other in others], 1)
        denominator = reduce(slow_multiply, [point ^ other for other in others], 1)
        basis = slow_multiply(numerator, slow_inverse(denominator))
        value = bytes(v ^ slow_multiply(basis, byte) for v, byte in zip(value, chunk, strict=True))
    return value


def slow_horner(coefficients: Sequence[bytes], x: int) -> bytes:
    """The polynomials' values at x, from their coefficients, highest first: no interpolation at all."""
    value = bytes(CHUNK_LENGTH)
    for coefficient in coefficients:
        value = bytes(slow_multiply(v, x) ^ c for v, c in zip(value, coefficient, strict=True))
    return value


# --- helpers ------------------------------------------------------------------------------------


@lru_cache(maxsize=None, typed=True)  # typed: True and 1.0 are not 1 here
def code(k: int) -> Code:
    """Laid out once: its parity rows cost far more than a chunk."""
    return Code(k, 256)


def encode(data: Sequence[bytes], index: int) -> bytes:
    return Encoder(code(len(data)), b"".join(data)).chunk(index)


def decode(chunks: Mapping[int, bytes], k: int) -> tuple[bytes, ...]:
    stream = code(k).decode(chunks)
    return tuple(stream[i : i + CHUNK_LENGTH] for i in range(0, len(stream), CHUNK_LENGTH))


def filled(byte: int) -> bytes:
    return bytes([byte]) * CHUNK_LENGTH


def data_of(k: int, seed: bytes = b"") -> tuple[bytes, ...]:
    """The k different data chunks of a seed."""
    stream = hashlib.shake_256(seed).digest(k * CHUNK_LENGTH)
    return tuple(stream[i : i + CHUNK_LENGTH] for i in range(0, len(stream), CHUNK_LENGTH))


def encoding(data: Sequence[bytes], indices: Sequence[int]) -> dict[int, bytes]:
    return {index: encode(data, index) for index in indices}


def product(a: int, b: int) -> int:
    """The package's a * b: the line through (0, 0) and (1, a), at b."""
    return encode([filled(0), filled(a)], b)[0]


# --- the field ----------------------------------------------------------------------------------


@pytest.mark.parametrize("b", FIELD)
def test_every_product_equals_the_bitwise_one(b: int) -> None:
    factors = bytes(FIELD)
    for part in (factors[:96], factors[80:176], factors[160:]):
        assert encode([filled(0), part], b) == bytes(slow_multiply(a, b) for a in part)


@given(a=elements, b=elements, c=elements)
def test_multiplication_is_that_of_a_field(a: int, b: int, c: int) -> None:
    assert product(a, b) == product(b, a)
    assert product(product(a, b), c) == product(a, product(b, c))
    assert product(a, b ^ c) == product(a, b) ^ product(a, c)
    assert product(a, 1) == a


@pytest.mark.parametrize("a", FIELD[1:])
def test_every_element_but_zero_permutes_the_field(a: int) -> None:
    assert sorted(product(a, b) for b in FIELD) == list(FIELD)


# --- known answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "value"),
    [(0, 0x00), (1, 0x01), (2, 0x04), (3, 0x05), (4, 0x10), (15, 0x55), (16, 0x1D), (63, 0x3C), (255, 0xE2)],
)
def test_known_answer_square(index: int, value: int) -> None:
    """The data 0, 1, 4 lie on the parabola x^2; 16^2 = x^8 shows the field's polynomial by itself."""
    assert encode([filled(0), filled(1), filled(4)], index) == filled(value)


def test_known_answer_worked_by_hand() -> None:
    """At 5 the basis of the points 0, 1, 2 is 0e, 09, 06: 0e * 12 + 09 * 34 + 06 * 56 = fc + 89 + e9 = 9c."""
    data = (filled(0x12), filled(0x34), filled(0x56))
    assert encode(data, 5) == filled(0x9C)
    assert decode({5: filled(0x9C), 3: filled(0x70), 1: filled(0x34)}, 3) == data


@pytest.mark.parametrize(
    ("k", "digest"),
    [
        (KEY_CHUNKS, "f80a413839657a63783ab2cc0540ed95758a21c71dc325599aa24bb8670de5e0"),
        (CIPHERTEXT_CHUNKS, "ba2e680cacae21957705fb77f8a18a5d90b9f4ed1a983de22bcb043f753b0369"),
    ],
    ids=["key", "ciphertext"],
)
def test_known_answer_parity(k: int, digest: str) -> None:
    """Byte n of the data is n mod 251; all the protocol's parity chunks in a row, frozen and computed twice."""
    stream = bytes(n % 251 for n in range(k * CHUNK_LENGTH))
    data = [stream[i : i + CHUNK_LENGTH] for i in range(0, len(stream), CHUNK_LENGTH)]
    parity = [encode(data, index) for index in PROTOCOL_INDICES[k:]]
    assert parity == [slow_lagrange(dict(enumerate(data)), index) for index in PROTOCOL_INDICES[k:]]
    assert hashlib.sha256(b"".join(parity)).hexdigest() == digest


# --- encode -------------------------------------------------------------------------------------


@given(k=st.integers(min_value=1, max_value=20), seed=seeds)
def test_the_code_is_systematic(k: int, seed: bytes) -> None:
    data = data_of(k, seed)
    assert tuple(encode(data, index) for index in range(k)) == data


@settings(unhurried, max_examples=50)
@given(k=st.integers(min_value=1, max_value=20), index=elements, seed=seeds)
def test_encode_equals_the_polynomial_by_coefficients(k: int, index: int, seed: bytes) -> None:
    coefficients = data_of(k, seed)
    data = [slow_horner(coefficients, point) for point in range(k)]
    assert encode(data, index) == slow_horner(coefficients, index)


@settings(unhurried, max_examples=20)
@given(k=st.integers(min_value=1, max_value=20), parity=elements, seed=seeds)
def test_encode_equals_the_textbook_formula(k: int, parity: int, seed: bytes) -> None:
    data = data_of(k, seed)
    index = max(parity, k)
    assert encode(data, index) == slow_lagrange(dict(enumerate(data)), index)


@given(k=st.integers(min_value=1, max_value=20), index=elements, seed=seeds, other=seeds)
def test_encode_is_linear(k: int, index: int, seed: bytes, other: bytes) -> None:
    one, two = data_of(k, seed), data_of(k, other)
    both = [bytes(map(xor, a, b)) for a, b in zip(one, two, strict=True)]
    assert encode(both, index) == bytes(map(xor, encode(one, index), encode(two, index)))


def test_one_data_chunk_is_repeated_for_ever() -> None:
    data = data_of(1)
    assert {encode(data, index) for index in FIELD} == {data[0]}


# --- decode -------------------------------------------------------------------------------------


@st.composite
def subsets(draw: st.DrawFn, ks: st.SearchStrategy[int], indices: range) -> tuple[int, list[int]]:
    """A number k and k distinct indices, in any order."""
    k = draw(ks)
    chosen = st.lists(st.sampled_from(indices), min_size=k, max_size=k, unique=True)
    return k, draw(chosen)


@unhurried
@given(
    subset=st.one_of(
        subsets(st.integers(min_value=1, max_value=20), FIELD),
        subsets(st.just(KEY_CHUNKS), PROTOCOL_INDICES),
        subsets(st.just(CIPHERTEXT_CHUNKS), PROTOCOL_INDICES),
    ),
    seed=seeds,
)
def test_any_k_chunks_rebuild_the_data(subset: tuple[int, list[int]], seed: bytes) -> None:
    k, indices = subset
    data = data_of(k, seed)
    assert decode(encoding(data, indices), k) == data


@pytest.mark.parametrize("k", [KEY_CHUNKS, CIPHERTEXT_CHUNKS])
def test_parity_alone_rebuilds_the_data(k: int) -> None:
    data = data_of(k)
    for start in range(k, len(PROTOCOL_INDICES) - k + 1):
        assert decode(encoding(data, range(start, start + k)), k) == data


def test_the_whole_field_can_be_data() -> None:
    data = data_of(256)
    assert decode(dict(enumerate(data)), 256) == data


@pytest.mark.parametrize("missing", [0, 127, 254])
def test_the_last_point_replaces_any_of_the_others(missing: int) -> None:
    data = data_of(255)
    chunks = encoding(data, FIELD)
    del chunks[missing]
    assert decode(chunks, 255) == data


@given(subset=subsets(st.integers(min_value=2, max_value=20), FIELD), seed=seeds)
def test_decode_uses_the_lowest_indices_and_ignores_the_rest(subset: tuple[int, list[int]], seed: bytes) -> None:
    """The extra chunks are of other data, so that using any of them would show."""
    k, indices = subset
    needed, extra = sorted(indices)[: k // 2], sorted(indices)[k // 2 :]
    data = data_of(len(needed), seed)
    false = {index: bytes(b ^ 1 for b in encode(data, index)) for index in extra}
    assert decode(false | encoding(data, needed), len(needed)) == data


def test_parity_is_made_once() -> None:
    encoder = Encoder(Code(KEY_CHUNKS, 64), b"".join(data_of(KEY_CHUNKS)))
    for index in (KEY_CHUNKS, 40, 63):
        assert encoder.chunk(index) is encoder.chunk(index)


def test_a_false_chunk_gives_false_data() -> None:
    """Erasures only: nothing is corrected, and nothing raises."""
    data = data_of(2)
    assert decode({0: data[0], 2: filled(0)}, 2) != data


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 95, 97, 2 * 96])
def test_a_stream_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(UsageError, match="a stream must be 96 to 96 bytes"):
        Code(1, 64).chunk(bytes(length), 0)


def test_a_stream_that_is_not_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match="a stream must be bytes"):
        Code(1, 64).chunk(bytearray(96), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("points", [0, 257, True])
def test_a_number_of_points_outside_the_field_is_refused(points: int) -> None:
    with pytest.raises(UsageError, match="the number of points must be an integer from 1 to 256"):
        Code(1, points)


def test_an_index_outside_the_code_is_refused() -> None:
    with pytest.raises(UsageError, match="a chunk index must be an integer from 0 to 63"):
        Code(1, 64).chunk(bytes(96), 64)


@pytest.mark.parametrize("k", [-1, 0, 257, True, 1.0, "1"])
def test_decode_refuses_a_number_of_data_chunks_outside_the_field(k: int) -> None:
    chunks = dict.fromkeys(FIELD, filled(0))
    with pytest.raises(UsageError, match="the number of data chunks must be an integer from 1 to 256"):
        decode(chunks, k)


@pytest.mark.parametrize("index", [-1, 256, True, 1.0, "1"])
def test_an_index_outside_the_field_is_refused(index: int) -> None:
    with pytest.raises(UsageError, match="a chunk index must be an integer from 0 to 255"):
        encode([filled(0)], index)
    with pytest.raises(UsageError, match="a chunk index must be an integer from 0 to 255"):
        decode({index: filled(0)}, 1)


@pytest.mark.parametrize(
    "chunk",
    [b"", bytes(95), bytes(97), bytearray(96), "x" * 96],
    ids=["empty", "short", "long", "bytearray", "str"],
)
def test_a_chunk_that_is_not_96_bytes_is_refused(chunk: bytes) -> None:
    with pytest.raises(UsageError, match="a chunk must be"):
        decode({0: filled(0), 1: chunk}, 1)


@pytest.mark.parametrize("k", [1, KEY_CHUNKS, 256])
def test_too_few_chunks_are_refused(k: int) -> None:
    chunks = dict.fromkeys(range(k - 1), filled(0))
    with pytest.raises(UsageError, match=f"{k} chunks are needed, there are {k - 1}"):
        decode(chunks, k)
