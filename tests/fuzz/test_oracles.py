"""The oracles can fail: each is shown a library that breaks its invariant."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from harness import oracles, positions
from harness.oracles import Violation
from runner import targets
from seeds import every, scenes

from ratchetlib.errors import AuthenticationError, MalformedMessage, RatchetError
from ratchetlib.padding import Padme
from ratchetlib.prekeys import codec as ring_codec
from ratchetlib.prekeys.contents import RingContents
from ratchetlib.primitives.kdf import keyed_blake2b
from ratchetlib.ratchet import codec as ratchet_codec
from ratchetlib.ratchet.chains import ReceivingChain
from ratchetlib.ratchet.pq import streams
from ratchetlib.state import vault as vault_module

# The package's attribute of that name is the function.
receive_module = importlib.import_module("ratchetlib.ratchet.decrypt")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.ratchet.header import Header


def test_a_foreign_exception_is_not_caught() -> None:
    def fails(_: bytes) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        oracles.parsed(fails, b"")


def test_a_refusal_must_be_alone() -> None:
    def fails() -> None:
        raise MalformedMessage("for a reason") from KeyError()

    with pytest.raises(Violation):
        oracles.refusal(fails)


def test_two_encodings_of_one_value() -> None:
    with pytest.raises(Violation):
        oracles.require_same(b"\0", b"\1")


@pytest.fixture
def positions_made_anew() -> Iterator[None]:
    """A library that changes states in place spoils what later executions begin with."""
    yield
    positions.positions.cache_clear()
    positions.standings.cache_clear()


@pytest.mark.usefixtures("positions_made_anew")
def test_the_session_target_sees_a_state_that_changes_in_a_refusal() -> None:
    def take_skipped(self: ReceivingChain, number: int) -> tuple[ReceivingChain, Any]:
        key = dict(self.skipped).get(number)
        if key is None:
            raise AuthenticationError
        del self.skipped[number]  # type: ignore[attr-defined]
        return self, key

    broken = 0
    with patch.object(ReceivingChain, "_take_skipped", take_skipped):
        for path in targets.inputs("session"):
            try:
                targets.one_input("session")(path.read_bytes())
            except Violation:
                broken += 1
                break
    assert broken


def test_the_header_target_sees_a_verdict_that_is_too_mild() -> None:
    def lenient(self: ReceivingChain, header: Header) -> None:
        """Takes what contradicts the chain."""

    contradiction = bytes([12, 0, 0, 1, 0, 0, 0, 0, 0])
    targets.one_input("sealed_header")(contradiction)
    with patch.object(ReceivingChain, "require_constant", lenient), pytest.raises(Violation):
        targets.one_input("sealed_header")(contradiction)


CONFIRMATION = bytes.fromhex("0812030100020002010200020102000201")
"""A false chunk of a ciphertext, and messages in turn until the secret of its set is mixed."""


@pytest.mark.usefixtures("positions_made_anew")
def test_the_session_target_sees_a_secret_whose_confirmation_is_not_compared() -> None:
    assert CONFIRMATION in every.of("session")
    targets.one_input("session")(CONFIRMATION)
    with patch.object(streams, "equal", lambda _ours, _theirs: True), pytest.raises((Violation, RatchetError)):
        targets.one_input("session")(CONFIRMATION)


def test_the_message_target_sees_work_before_authentication() -> None:
    def busy(*_: object) -> None:
        for _ in range(8):
            keyed_blake2b(key=bytes(32), person=bytes(16), data=b"")

    stranger = b"\x00\x01\x02" + bytes(24 + 158 + 32 + 1 + 16)
    targets.one_input("message")(stranger)
    with patch.object(receive_module, "open_header", busy), pytest.raises(Violation, match="stranger"):
        targets.one_input("message")(stranger)


def test_the_padding_target_sees_another_size() -> None:
    with patch.object(Padme, "padded_length", lambda _self, length: length + 1), pytest.raises(Violation):
        targets.one_input("padding")(b"\x00text")


def test_the_ring_target_sees_an_item_that_is_given_twice() -> None:
    ring = next(scenes.rings())
    with patch.object(RingContents, "handing_out", lambda self, _item: self), pytest.raises(Violation):
        targets.one_input("prekey_ring")(ring)


def test_the_blob_target_sees_an_older_generation_that_is_opened() -> None:
    with patch.object(vault_module, "_require_not_older", lambda *_: None):
        assert broken_seeds("state_blob")


@pytest.mark.parametrize("name", ["prekey_ring", "sealed_state"])
def test_an_unsound_state_is_a_finding(name: str) -> None:
    """A decoder that takes what no ring or session writes."""
    module = {"prekey_ring": ring_codec, "sealed_state": ratchet_codec}[name]
    check = {"prekey_ring": "_is_sound", "sealed_state": "_require_sound"}[name]
    with patch.object(module, check, lambda *_: True):
        assert broken_seeds(name)


def broken_seeds(name: str) -> int:
    """How many of a target's seeds show what is broken."""
    broken = 0
    for seed in every.of(name):
        try:
            targets.one_input(name)(seed)
        except Violation:
            broken += 1
    return broken
