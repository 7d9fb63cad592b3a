"""Safe without a choice: what weakens is asked for by an object whose name says so."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest
from support.pair import ALICE, BOB, NOW, initiate, make_pair

import ratchetlib
from ratchetlib import NoPadding, Padme, Session, StateVault, UnsafeNoRollbackProtection, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKING_FOR_MORE = {"require_one_time": "refuses bundles that are taken otherwise"}
"""The only switch there is; off, it is the protocol's usual strength."""


def switches() -> Iterator[str]:
    """Every parameter of a public callable whose default is a boolean."""
    for name in ratchetlib.__all__:
        public = getattr(ratchetlib, name)
        for _, function in inspect.getmembers(
            public, lambda member: inspect.isfunction(member) or inspect.ismethod(member)
        ):
            parameters = inspect.signature(function).parameters.values()
            yield from (parameter.name for parameter in parameters if type(parameter.default) is bool)


@pytest.mark.attack("A131")
def test_no_switch_weakens_anything() -> None:
    assert set(switches()) == set(ASKING_FOR_MORE)


@pytest.mark.attack("A131")
def test_without_a_choice_lengths_are_padded() -> None:
    pair = make_pair()
    default = inspect.signature(Session.encrypt).parameters["padding"].default
    assert default == Padme()
    assert len(pair.bob.encrypt(b"a")) == len(pair.bob.encrypt(b"a" * 63))
    assert len(pair.bob.encrypt(b"a", padding=NoPadding())) < len(pair.bob.encrypt(b"a"))


@pytest.mark.attack("A131")
def test_without_a_choice_nothing_is_loaded_that_could_be_old() -> None:
    vault = StateVault({b"k": bytes(range(32))}, current=b"k")
    blob = vault.seal(make_pair().alice, owner=ALICE, peer=BOB, generation=1)
    with pytest.raises(UsageError, match="give minimum_generation or an anchor object"):
        vault.open(blob, kind=Session, owner=ALICE, peer=BOB)
    assert vault.open(blob, kind=Session, owner=ALICE, peer=BOB, anchor=UnsafeNoRollbackProtection())


@pytest.mark.attack("A131")
def test_without_a_choice_the_time_of_a_bundle_counts() -> None:
    alice, _, ring, _ = initiate()
    with pytest.raises(TypeError, match="now"):
        Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB)  # type: ignore[call-arg]
    with pytest.raises(ratchetlib.BundleRejected):
        Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW + 15 * 86_400)
