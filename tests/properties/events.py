"""What has happened, and what the model says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from properties.observe import Calls
from properties.refusal import Refused

from ratchetlib import RatchetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from properties.devices import Device, Record
    from properties.model import Envelope, Letter, SessionModel

    from ratchetlib.ratchet.header import Header as RealHeader

Outcome: TypeAlias = bytes | type[RatchetError] | None
"""A plaintext, a condition, or that the call returned."""

_Value = TypeVar("_Value")


@dataclass
class Event:
    """One thing that has happened.

    Attributes:
        action: what.
        expected: what the model says of it.
        outcome: what the library did.
        before: the state before it, as it would be sealed.
        after: the state after it.
        record: the session, if one was at work.
        device: the device, if its ring was at work.
        envelope: what arrived.
        letter: what was sent.
        header: the sent message's, in clear.
        calls: of primitives.
        was_read: the session had decrypted this letter before.
        earlier: the session's model before it.
        sends_on: the session has an open sending chain after it.
        closed: of the newest closed chain after it, what is skipped and `evicted_below`.
        opens_elsewhere: the sent header opens under a header key that is not its own.
    """

    action: str
    expected: Outcome = None
    outcome: Outcome = None
    before: bytes = b""
    after: bytes = b""
    record: Record | None = None
    device: Device | None = None
    envelope: Envelope | None = None
    letter: Letter | None = None
    header: RealHeader | None = None
    calls: Calls = field(default_factory=Calls)
    was_read: bool = False
    earlier: SessionModel | None = None
    sends_on: bool = False
    closed: tuple[set[int], int] | None = None
    opens_elsewhere: bool = False


def attempt(call: Callable[[], Any]) -> Outcome:
    """What a call of the library comes to. Anything that is no `RatchetError` climbs on."""
    try:
        result = call()
    except RatchetError as error:
        return type(error)
    return result if isinstance(result, bytes) else None


def foreseen(call: Callable[[], _Value]) -> tuple[_Value | None, type[RatchetError] | None]:
    """What the model comes to: a value or a condition."""
    try:
        return call(), None
    except Refused as refused:
        return None, refused.kind
