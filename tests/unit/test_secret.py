from __future__ import annotations

from typing import ClassVar

import pytest
from support.leaks import COPIES
from support.pair import BOB, NOW, make_pair

from ratchetlib import PrekeyRing, StateVault
from ratchetlib.secret import SecretBytes, Uncopyable


class Key(SecretBytes):
    __slots__ = ()
    LENGTH: ClassVar[int] = 4


def holders() -> dict[str, object]:
    """One of everything that holds secrets and that an application gets to see."""
    pair = make_pair()
    return {
        "IdentityKeyPair": pair.bob_identity,
        "PrekeyRing": PrekeyRing.generate(pair.bob_identity, address=BOB, now=NOW, one_time=1),
        "Session": pair.alice,
        "StateVault": StateVault({b"k": bytes(32)}, current=b"k"),
        "Key": Key(b"1234"),
    }


@pytest.mark.attack("A93")
@pytest.mark.parametrize("way", COPIES)
def test_refuses_every_way_of_copying(way: str) -> None:
    for name, holder in holders().items():
        with pytest.raises(TypeError, match=f"{name} is neither copied nor pickled"):
            COPIES[way](holder)


@pytest.mark.attack("A90")
def test_holders_have_no_open_dictionary() -> None:
    for holder in holders().values():
        assert not hasattr(holder, "__dict__")


def test_the_base_holds_nothing() -> None:
    assert Uncopyable.__slots__ == ()
    assert not hasattr(Uncopyable(), "__dict__")


def test_reads_back_what_was_wrapped() -> None:
    assert Key(b"1234").raw == b"1234"


def test_has_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(Key(b"1234"))


@pytest.mark.attack("A49")
def test_has_no_equality() -> None:
    with pytest.raises(TypeError, match="Key is not compared"):
        _ = Key(b"1234") == Key(b"1234")


@pytest.mark.attack("A49")
def test_is_not_found_by_value_in_a_container() -> None:
    with pytest.raises(TypeError):
        [Key(b"1234")].index(Key(b"1234"))


def test_repr_names_the_role_and_the_length() -> None:
    assert repr(Key(b"1234")) == "<Key: 4 secret bytes>"
