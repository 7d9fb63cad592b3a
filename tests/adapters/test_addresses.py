from __future__ import annotations

import pytest
from addresses import address
from hypothesis import given
from hypothesis import strategies as st

ANY = st.text("ab/. -_ÄA0", max_size=6)


@given(st.tuples(ANY, ANY), st.tuples(ANY, ANY))
def test_no_two_devices_have_one_address(one: tuple[str, str], other: tuple[str, str]) -> None:
    try:
        same = address(*one) == address(*other)
    except ValueError:
        return
    assert same == (one == other)


@pytest.mark.parametrize("name", ["", "a/b", "/", "Alice", "alice ", "älice", "-a", "a\n", "a\0", "a" * 64, "\uff41"])
def test_a_name_that_could_be_taken_for_another_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a name is"):
        address(name, "laptop")
    with pytest.raises(ValueError, match="a name is"):
        address("alice", name)


def test_the_longest_names_make_an_address() -> None:
    assert len(address("a" * 63, "b" * 63)) <= 128
