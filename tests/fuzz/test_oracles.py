"""The oracles can fail: each is shown a library that breaks its invariant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from harness import oracles, positions
from harness.oracles import Violation
from runner import targets

from ratchetlib.errors import AuthenticationError, MalformedMessage
from ratchetlib.ratchet.chains import ReceivingChain

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
