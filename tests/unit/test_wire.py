from __future__ import annotations

import itertools
import tracemalloc
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import odd_buffers, refusals
from support.leaks import leaked, rendered
from support.pair import ALICE, BOB, NOW, initiate

from ratchetlib import (
    Fingerprint,
    IdentityKey,
    IdentityKeyPair,
    MalformedMessage,
    PrekeyBundle,
    PrekeyRing,
    RatchetError,
    Session,
    StateTampered,
    StateVault,
    UsageError,
)
from ratchetlib.limits import TIME_LIMIT
from ratchetlib.prekeys import OneTimeItem, SignedBundle
from ratchetlib.wire import (
    HIGHEST_VERSION,
    U64_MAX,
    VERSION,
    Reader,
    lp,
    require_bytes,
    require_time,
    require_u64,
    u8,
    u32,
    u64,
)

if TYPE_CHECKING:
    from collections.abc import Callable

strings = st.binary(max_size=40)


def reader(data: bytes) -> Reader:
    return Reader(data, MalformedMessage)


# --- writing and reading back -------------------------------------------------------------------


@given(st.integers(0, 2**8 - 1), st.integers(0, 2**32 - 1), st.integers(0, U64_MAX), strings, st.booleans(), strings)
def test_what_is_written_is_read(one: int, four: int, eight: int, text: bytes, flag: bool, rest: bytes) -> None:  # noqa: FBT001
    reading = reader(u8(one) + u32(four) + u64(eight) + lp(text) + u8(flag) + u32(four % 7) + rest)
    read = (reading.u8(), reading.u32(), reading.u64(), reading.lp(maximum=40), reading.flag(), reading.count(6))
    assert read == (one, four, eight, text, flag, four % 7)
    assert reading.rest() == rest
    assert reading.rest() == b""
    reading.end()


def test_numbers_are_big_endian() -> None:
    assert u8(1) + u32(2) + u64(3) == b"\x01\0\0\0\x02\0\0\0\0\0\0\0\x03"
    assert lp(b"ab") == b"\0\0\0\x02ab"
    assert lp(b"") == bytes(4)


def test_one_suite_and_no_negotiation() -> None:
    assert (VERSION, HIGHEST_VERSION) == (1, 1)


@pytest.mark.attack("A45")
@given(st.lists(strings, max_size=5), st.lists(strings, max_size=5))
def test_length_prefixed_strings_are_taken_apart_in_one_way_only(one: list[bytes], other: list[bytes]) -> None:
    assert (b"".join(map(lp, one)) == b"".join(map(lp, other))) == (one == other)


@pytest.mark.attack("A45")
@given(strings, st.integers(0, 40), st.integers(0, 40))
def test_a_moved_boundary_is_another_encoding(joined: bytes, one: int, other: int) -> None:
    one, other = min(one, len(joined)), min(other, len(joined))
    same = lp(joined[:one]) + lp(joined[one:]) == lp(joined[:other]) + lp(joined[other:])
    assert same == (one == other)


@given(st.binary(max_size=60))
def test_whatever_is_read_is_written_alike(data: bytes) -> None:
    def read(candidate: bytes) -> bytes:
        reading = reader(candidate)
        written = u8(reading.u8()) + lp(reading.lp(minimum=1, maximum=9)) + u8(reading.flag()) + u64(reading.u64())
        reading.end()
        return written

    with suppress(MalformedMessage):
        assert read(data) == data


# --- refusing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [MalformedMessage, StateTampered])
def test_every_deviation_raises_the_one_error_given(error: type[RatchetError]) -> None:
    refused: list[Callable[[Reader], object]] = [
        lambda short: short.take(10),
        Reader.u64,
        Reader.u32,
        lambda short: short.lp(maximum=100),
        lambda short: short.count(5),
        lambda short: (short.flag(), short.flag()),
        Reader.end,
    ]
    for read in refused:
        with pytest.raises(error) as caught:
            read(Reader(b"\x01\x02\x03", error))
        assert type(caught.value) is error
    assert type(Reader(b"", error).refuse("reason")) is error


def test_a_refusal_consumes_nothing() -> None:
    reading = reader(b"abc")
    with pytest.raises(MalformedMessage, match="4 bytes expected at offset 0, 3 left"):
        reading.take(4)
    assert reading.take(3) == b"abc"


@pytest.mark.parametrize("value", range(2, 256))
def test_a_flag_is_0_or_1(value: int) -> None:
    with pytest.raises(MalformedMessage, match=f"a flag is 0 or 1, not {value}"):
        reader(bytes([value])).flag()


def test_a_count_is_at_most_its_maximum() -> None:
    assert reader(u32(5)).count(5) == 5
    with pytest.raises(MalformedMessage, match="a count of at most 5 expected, not 6"):
        reader(u32(6)).count(5)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4])
def test_a_length_lies_within_its_bounds(length: int) -> None:
    data = lp(bytes(length))
    if 1 <= length <= 3:
        assert reader(data).lp(minimum=1, maximum=3) == bytes(length)
    else:
        with pytest.raises(MalformedMessage, match=f"a length of 1 to 3 expected, not {length}"):
            reader(data).lp(minimum=1, maximum=3)


@pytest.mark.parametrize("left", [1, 2, 1_000])
def test_nothing_is_left_over(left: int) -> None:
    with pytest.raises(MalformedMessage, match=f"{left} bytes left over"):
        reader(bytes(left)).end()


@pytest.mark.attack("A97")
@pytest.mark.parametrize("read", [lambda r: r.lp(maximum=2**32), lambda r: r.take(r.u32()), lambda r: r.count(1_000)])
def test_a_huge_length_allocates_nothing(read: Callable[[Reader], object]) -> None:
    reading = reader(u32(2**32 - 1) + bytes(10))
    tracemalloc.start()
    try:
        with pytest.raises(MalformedMessage):
            read(reading)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_refusal_of_the_content_says_why() -> None:
    refusal = reader(b"").refuse("the reason")
    assert type(refusal) is MalformedMessage
    assert str(refusal) == "the reason"


@pytest.mark.attack("A91")
def test_a_refusal_shows_lengths_and_not_bytes() -> None:
    secret = bytes(range(100, 132))
    with pytest.raises(MalformedMessage) as caught:
        reader(secret).take(33)
    assert not leaked(rendered(caught.value), {secret})


# --- what callers pass --------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3])
def test_bytes_of_an_allowed_length_pass(length: int) -> None:
    require_bytes(bytes(length), "it", minimum=1, maximum=3)


@pytest.mark.parametrize("length", [0, 4])
def test_bytes_of_another_length_do_not(length: int) -> None:
    with pytest.raises(UsageError, match=f"it must be 1 to 3 bytes, not {length}"):
        require_bytes(bytes(length), "it", minimum=1, maximum=3)


def test_the_empty_string_passes_unless_a_minimum_is_set() -> None:
    require_bytes(b"", "it", maximum=0)


@pytest.mark.attack("A99", "A91", "A101")
def test_only_bytes_are_bytes() -> None:
    secret = bytes(range(100, 132))
    for odd in odd_buffers(secret):
        with pytest.raises(UsageError, match="it must be bytes, not ") as caught:
            require_bytes(odd, "it", maximum=32)
        assert caught.value.__context__ is None
        assert not leaked(rendered(caught.value), {secret})


@pytest.mark.parametrize("value", [bytearray(), "", 1, None])
def test_the_refusal_of_a_type_names_it(value: object) -> None:
    with pytest.raises(UsageError, match=f"^x must be bytes, not {type(value).__name__}$"):
        require_bytes(value, "x")


@pytest.mark.attack("A91")
def test_the_refusal_of_a_length_does_not_show_the_bytes() -> None:
    secret = bytes(range(100, 132))
    with pytest.raises(UsageError) as caught:
        require_bytes(secret, "it", maximum=31)
    assert not leaked(rendered(caught.value), {secret})


@pytest.mark.parametrize("value", [0, 1, U64_MAX])
def test_an_unsigned_64_bit_integer_passes(value: int) -> None:
    require_u64(value, "it")


@pytest.mark.parametrize("value", [-1, U64_MAX + 1, True, 1.0, "1", b"1", None, 2**4_000])
def test_no_other_number_does(value: object) -> None:
    with pytest.raises(UsageError, match="it must be an integer from 0 to 2"):
        require_u64(value, "it")


@pytest.mark.parametrize("value", [0, 1, NOW, TIME_LIMIT - 1])
def test_a_time_in_whole_seconds_passes(value: int) -> None:
    require_time(value, "now")


@pytest.mark.attack("A106")
@pytest.mark.parametrize("value", [-1, TIME_LIMIT, NOW * 1_000, U64_MAX, True, float(NOW), str(NOW), None])
def test_no_other_time_does(value: object) -> None:
    with pytest.raises(UsageError, match="now must be whole seconds since the Unix epoch"):
        require_time(value, "now")


# --- one encoding, one role ---------------------------------------------------------------------


def roles() -> dict[str, tuple[bytes, Callable[[bytes], object]]]:
    """A genuine encoding of everything that leaves a device, each with the parser that takes it."""
    alice, bob, ring, session = initiate(one_time=3)
    items = ring.one_time_items()
    fingerprint = Fingerprint.between(alice.public, ALICE, bob.public, BOB)
    vault = StateVault({b"k": bytes(range(32))}, current=b"k")
    initial = session.encrypt(b"")
    fresh = vault.open(vault.seal(ring, owner=BOB, generation=1), kind=PrekeyRing, owner=BOB, minimum_generation=1)
    responder, _ = Session.accept(bob, ring, initial, our_address=BOB, now=NOW)
    kinds: dict[str, IdentityKeyPair | PrekeyRing | Session] = {"identity": bob, "ring": ring, "session": session}
    found: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
        "identity key": (bob.public.to_bytes(), IdentityKey.from_bytes),
        "signed bundle": (ring.signed_bundle(), SignedBundle.from_bytes),
        "one-time item": (items[0], OneTimeItem.from_bytes),
        "prekey bundle": (PrekeyBundle.from_parts(ring.signed_bundle(), items[0]).to_bytes(), PrekeyBundle.from_bytes),
        "bare prekey bundle": (PrekeyBundle.from_parts(ring.signed_bundle(), None).to_bytes(), PrekeyBundle.from_bytes),
        "fingerprint": (Fingerprint(fingerprint.theirs, fingerprint.ours).to_bytes(), fingerprint.verify),
        "initial message": (initial, lambda data: Session.accept(bob, fresh, data, our_address=BOB, now=NOW)),
        "ordinary message": (responder.encrypt(b""), session.decrypt),
    }
    for name, value in kinds.items():
        peer = ALICE if value.STATE_HAS_PEER else b""
        blob = vault.seal(value, owner=BOB, peer=peer, generation=1)
        opening = partial(vault.open, kind=type(value), owner=BOB, peer=peer, minimum_generation=1)
        found[f"sealed {name}"] = blob, opening
    return found


@pytest.mark.attack("A19")
def test_no_encoding_passes_for_another() -> None:
    everything = roles()
    for (name, (encoding, _)), (other, (_, parse)) in itertools.permutations(everything.items(), 2):
        if {name, other} != {"prekey bundle", "bare prekey bundle"}:
            assert refusals(parse, [encoding]), f"{name} as {other}"
    for encoding, parse in everything.values():
        parse(encoding)


@pytest.mark.attack("A19")
@pytest.mark.parametrize("item_as_bundle", [True, False])
def test_the_parts_of_a_bundle_do_not_change_places(item_as_bundle: bool) -> None:  # noqa: FBT001
    _, _, ring, _ = initiate(one_time=2)
    signed, item = ring.signed_bundle(), ring.one_time_items()[0]
    parts = (item, item) if item_as_bundle else (signed, signed)
    assert refusals(lambda _: PrekeyBundle.from_parts(*parts), [b""]) == {MalformedMessage}
