"""A session that is compared, call by call and field by field, with the reference implementation of tests/reference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratchetlib import Session

if TYPE_CHECKING:
    from ratchetlib.session.state import SessionState

_TESTS = str(Path(__file__).resolve().parents[2] / "tests")


class Lockstep:
    """What the harness needs of a session; every call is made on both."""

    def __init__(self, state: SessionState) -> None:
        self._twin = _twin_of(state)

    @property
    def _state(self) -> SessionState:
        state: SessionState = self._twin.real._state
        return state

    @_state.setter
    def _state(self, state: SessionState) -> None:
        self._twin = _twin_of(state)

    def encrypt(self, plaintext: bytes) -> bytes:
        message: bytes = self._twin.encrypt(plaintext)
        return message

    def decrypt(self, message: bytes, **options: Any) -> bytes:  # noqa: ANN401  # those of Session
        plaintext: bytes = self._twin.decrypt(message, **options)
        return plaintext

    def forget_skipped(self) -> int:
        count: int = self._twin.forget_skipped()
        return count


def _twin_of(state: SessionState) -> Any:  # noqa: ANN401  # the reference is imported where it is used
    if _TESTS not in sys.path:
        sys.path.append(_TESTS)
    from reference.lockstep import TwinSession  # noqa: PLC0415

    return TwinSession.of(Session(state))
