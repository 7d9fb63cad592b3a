from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchetlib.cli.verify.fields import BadVectorError, Fields, as_hex, from_hex, portable, present


@given(st.binary(max_size=40))
def test_hex_goes_there_and_back(data: bytes) -> None:
    assert from_hex(data.hex()) == data
    assert as_hex(data=data) == {"data": data.hex()}


@pytest.mark.parametrize("text", ["0", "zz", "AB", "a b", " ab", "ab "])
def test_hex_is_lower_case_digits_and_nothing_else(text: str) -> None:
    with pytest.raises(BadVectorError):
        from_hex(text)


@given(st.integers(min_value=-10, max_value=2**64))
def test_numbers_go_there_and_back(number: int) -> None:
    assert Fields({"n": portable(number)}).number("n") == number


def test_numbers_that_a_double_cannot_hold_are_strings_wherever_they_stand() -> None:
    assert portable({"a": [2**53, 1], "b": True, "c": None}) == {"a": ["9007199254740992", 1], "b": True, "c": None}


@pytest.mark.parametrize("digits", ["1", "9007199254740991", "09007199254740992", "-9007199254740992", "many", ""])
def test_only_large_numbers_are_strings(digits: str) -> None:
    with pytest.raises(BadVectorError):
        Fields({"n": digits}).number("n")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("hex", 1),
        ("number", True),
        ("number", 1.0),
        ("text", 1),
        ("flag", 1),
        ("part", []),
        ("parts", {}),
        ("hexes", ""),
    ],
)
def test_a_member_of_another_type_is_refused(read: str, value: object) -> None:
    with pytest.raises(BadVectorError):
        getattr(Fields({"member": value}), read)("member")


@pytest.mark.parametrize("read", ["hex", "number", "text", "part", "hexes", "numbers"])
def test_a_missing_member_is_refused(read: str) -> None:
    with pytest.raises(BadVectorError, match="missing"):
        getattr(Fields({}), read)("member")


def test_what_may_be_missing_has_a_default() -> None:
    fields = Fields({})
    assert fields.hex("a", b"x") == b"x"
    assert fields.number("b", 3) == 3
    assert fields.text("c", "t") == "t"
    assert fields.flag("d") is False
    assert fields.parts("e") == []


def test_a_member_that_is_there_is_not_its_default() -> None:
    fields = Fields({"a": "00", "b": 1, "c": "u", "d": True})
    assert (fields.hex("a", b"x"), fields.number("b", 3), fields.text("c", "t"), fields.flag("d")) == (
        b"\0",
        1,
        "u",
        True,
    )


def test_members_that_nobody_reads_are_refused_at_any_depth() -> None:
    fields = Fields({"known": 1, "part": {"inner": 1}, "parts": [{"other": 1}], "about": 1})
    fields.part("part").number("inner")
    (other,) = fields.parts("parts")
    with pytest.raises(BadVectorError, match="known"):
        fields.require_read({"about"})
    fields.number("known")
    with pytest.raises(BadVectorError, match="other"):
        fields.require_read({"about"})
    other.number("other")
    fields.require_read({"about"})


def test_what_must_be_there() -> None:
    assert present(0, "a number") == 0
    with pytest.raises(BadVectorError, match="a number is missing"):
        present(None, "a number")
