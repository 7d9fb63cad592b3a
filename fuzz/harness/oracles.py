"""What must hold whatever the bytes are: the judgements that all targets share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from ratchetlib import RatchetError
from ratchetlib.session import state as states

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.session.state import SessionState

_Parsed = TypeVar("_Parsed")

MANY: Final = 50
"""Skipped keys from which a state is large: writing it costs as much as dozens of messages."""


class Violation(AssertionError):  # the library's exceptions are errors; this is a finding
    """The library broke an invariant. Raised and never returned, so that it also crashes under -O."""


def require(holds: bool, invariant: str) -> None:  # noqa: FBT001  # it reads as a sentence
    """`Violation` unless it holds."""
    if not holds:
        raise Violation(invariant)


def refusal(call: Callable[[], object]) -> RatchetError | None:
    """The library's own error, alone; None where the call returns. Anything else that escapes is the crash itself."""
    try:
        call()
    except RatchetError as error:
        _require_alone(error)
        return error
    return None


def parsed(parse: Callable[[bytes], _Parsed], encoded: bytes) -> _Parsed | None:
    """What a parser makes of the bytes; None where it refuses them."""
    try:
        return parse(encoded)
    except RatchetError as error:
        _require_alone(error)
        return None


def require_same(encoded: bytes, again: bytes) -> None:
    """One encoding per value: whatever parses is written as the same bytes."""
    require(encoded == again, "what parsed is not re-serialized to the same bytes")


def digest(state: SessionState) -> object:
    """The whole content of a session's state: equal exactly if nothing has changed, in place or otherwise.

    Of many skipped keys, which would take most of a run to write, it is the numbers and which objects they are.
    """
    ratchet = state.ratchet
    if ratchet.skipped_stored < MANY:
        return states.encode(state)
    chains = tuple(ratchet.chains)
    receiving, *closed = (chain._replace(skipped={}) for chain in chains)
    slim = state.moved(ratchet._replace(receiving=receiving, closed=tuple(closed)))
    kept = [(tuple(chain.skipped), tuple(map(id, chain.skipped.values()))) for chain in chains]
    return states.encode(slim), kept


def require_bounded(state: SessionState) -> None:
    """What a session may keep, written out here and not read from the library's own limits."""
    ratchet = state.ratchet
    require(len(ratchet.closed) <= 5, "more than five closed chains")
    require(ratchet.skipped_stored <= 2_000, "more than 2,000 skipped keys")


def _require_alone(error: RatchetError) -> None:
    """Another error behind it would carry frames, and with them whatever stood in them."""
    require(error.__cause__ is None and error.__context__ is None, "a refusal drags another error along")
