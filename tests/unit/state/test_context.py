from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchetlib.keys import StorageKey
from ratchetlib.state.context import Context

names = st.binary(max_size=40)
KEY = StorageKey(bytes(range(32)))


def lp(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def contexts() -> list[Context]:
    parts = (b"", b"a", b"ab", b"b", b"\0", b"a\0")
    return [Context(kind, owner, peer) for kind in (1, 2, 3) for owner, peer in itertools.product(parts, repeat=2)]


def test_the_names_stand_behind_their_lengths() -> None:
    assert Context(1, b"owner", b"").names == b"\0\0\0\5owner\0\0\0\0"


def test_the_record_name_is_what_the_specification_says() -> None:
    label = b"ratchetlib/1 anchor record"
    digest = hashlib.sha512(lp(label) + b"\3" + lp(b"alice") + lp(b"bob")).digest()
    assert Context(3, b"alice", b"bob").record_name == digest[:32]


def test_the_record_key_and_the_tag_are_what_the_specification_says() -> None:
    key, tag = Context(3, b"alice", b"bob").derive(KEY)
    data = b"\3" + lp(b"alice") + lp(b"bob")
    okm = hashlib.blake2b(data, key=bytes(range(32)), person=b"ratchetlib1vault").digest()
    assert key.raw == okm[:32]
    assert tag == okm[32:48]


@pytest.mark.attack("A45", "A72")
@given(names, names, names, names)
def test_names_are_taken_apart_in_one_way_only(
    owner: bytes, peer: bytes, other_owner: bytes, other_peer: bytes
) -> None:
    same = Context(1, owner, peer).names == Context(1, other_owner, other_peer).names
    assert same == ((owner, peer) == (other_owner, other_peer))


@pytest.mark.attack("A28", "A45", "A72")
def test_no_two_records_share_a_name_a_key_or_a_tag() -> None:
    everything = contexts()
    derived = [context.derive(KEY) for context in everything]
    assert len({context.record_name for context in everything}) == len(everything)
    assert len({key.raw for key, _ in derived}) == len(everything)
    assert len({tag for _, tag in derived}) == len(everything)


def test_the_storage_key_decides_the_key_and_the_tag_and_not_the_record_name() -> None:
    context, other = Context(1, b"owner", b""), StorageKey(bytes(32))
    assert context.derive(KEY)[0].raw != context.derive(other)[0].raw
    assert context.derive(KEY)[1] != context.derive(other)[1]
    assert context.record_name == Context(1, b"owner", b"").record_name


@pytest.mark.attack("A72")
def test_the_tag_tells_nothing_of_the_record_key() -> None:
    key, tag = Context(1, b"owner", b"").derive(KEY)
    assert tag not in key.raw
