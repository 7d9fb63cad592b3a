from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import odd_buffers, random_strings, refusals
from support.strategies import damaged, exactly, u8s, u64s

from ratchetlib import RatchetError, StateTampered, StateVersionUnsupported, UsageError
from ratchetlib.limits import MAX_STATE
from ratchetlib.state.blob import MAGIC, STATE_VERSION, Blob, Head

HEAD = Head(kind=3, key_id=b"k1", tag=b"t" * 16, generation=7)
GENUINE = HEAD.to_bytes() + b"n" * 24 + b"c" * 32 + b"sealed content"
parse = Blob.from_bytes

heads = st.builds(Head, u8s, st.binary(min_size=1, max_size=32), exactly(16), u64s)


def encoded(blob: Blob) -> bytes:
    return blob.head.to_bytes() + blob.nonce + blob.sealed


def test_the_layout() -> None:
    assert GENUINE[:39] == b"RLST\1\3\0\0\0\2k1" + b"t" * 16 + b"\0\0\0\0\0\0\0\7" + b"nnn"
    assert (MAGIC, STATE_VERSION) == (b"RLST", 1)
    blob = parse(GENUINE)
    assert blob == Blob(HEAD, b"n" * 24, b"c" * 32 + b"sealed content")
    assert blob.commitment == b"c" * 32


@given(heads, exactly(24), st.binary(max_size=200))
def test_what_is_encoded_is_parsed(head: Head, nonce: bytes, sealed: bytes) -> None:
    assert parse(encoded(Blob(head, nonce, sealed))) == Blob(head, nonce, sealed)


@given(damaged(GENUINE))
def test_whatever_parses_is_the_one_encoding(candidate: bytes) -> None:
    try:
        blob = parse(candidate)
    except RatchetError:
        assert candidate != GENUINE
    else:
        assert encoded(blob) == candidate


@pytest.mark.attack("A73")
def test_a_blob_cut_before_its_sealed_content_is_none() -> None:
    least = len(HEAD.to_bytes()) + 24
    assert refusals(parse, (GENUINE[:length] for length in range(least))) == {StateTampered}
    assert parse(GENUINE[:least]).sealed == b""


@pytest.mark.attack("A74")
def test_another_format_version_is_told_from_tampering() -> None:
    others = [
        b"RLST" + bytes([version]) + rest for version in range(256) if version != 1 for rest in (b"", GENUINE[5:])
    ]
    assert refusals(parse, others) == {StateVersionUnsupported}


def test_another_beginning_is_no_blob() -> None:
    assert refusals(parse, [b"rlst" + GENUINE[4:], b"RLSU" + GENUINE[4:], GENUINE[1:], b" " + GENUINE]) == {
        StateTampered
    }


@pytest.mark.parametrize("key_id", [b"", bytes(33), bytes(255)])
def test_a_key_is_named_by_1_to_32_bytes(key_id: bytes) -> None:
    assert refusals(parse, [HEAD._replace(key_id=key_id).to_bytes() + GENUINE[36:]]) == {StateTampered}


@pytest.mark.attack("A88", "A97")
def test_an_oversize_blob_is_refused_before_it_is_looked_at() -> None:
    assert parse(GENUINE.ljust(MAX_STATE, b"\0")).head == HEAD
    oversize = GENUINE.ljust(2 * MAX_STATE, b"\0")
    tracemalloc.start()
    try:
        assert refusals(parse, [oversize, GENUINE[:6] + b"\xff\xff\xff\xff" + bytes(10)]) == {StateTampered}
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert refusals(parse, [GENUINE.ljust(MAX_STATE + 1, b"\0")]) == {StateTampered}


@pytest.mark.attack("A100")
def test_random_bytes_are_refused() -> None:
    assert refusals(parse, random_strings(10_000, lengths=[len(GENUINE)])) == {StateTampered}
    found = refusals(parse, (data for data in random_strings(10_000, begin=b"RLST") if data[4:5] != b"\1"))
    assert found == {StateTampered, StateVersionUnsupported}


@pytest.mark.attack("A99")
def test_only_bytes_are_parsed() -> None:
    for odd in odd_buffers(GENUINE):
        with pytest.raises(UsageError, match="a sealed blob must be bytes"):
            parse(odd)
