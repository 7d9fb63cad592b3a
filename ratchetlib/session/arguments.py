"""What a session's callers may pass: checked before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ratchetlib.errors import SessionExpired, UsageError
from ratchetlib.identity import IdentityKeyPair, require_address
from ratchetlib.limits import MAX_ASSOCIATED_DATA, MAX_PLAINTEXT, MAX_PLAINTEXT_CEILING
from ratchetlib.padding import Padme
from ratchetlib.prekeys import PrekeyRing
from ratchetlib.session.message import split
from ratchetlib.session.receive import Received
from ratchetlib.wire import require_bytes, require_time

if TYPE_CHECKING:
    from ratchetlib.session.state import SessionState

DEFAULT_PADDING: Final = Padme()
_DEFAULT_MAX_PADDED: Final = DEFAULT_PADDING.padded_length(MAX_PLAINTEXT + 1)


def require_identity(identity: object) -> None:
    """`UsageError` unless it is an `IdentityKeyPair`."""
    if type(identity) is not IdentityKeyPair:
        raise UsageError(f"an IdentityKeyPair is needed, not {type(identity).__name__}")


def require_associated_data(associated_data: object) -> None:
    """`UsageError` unless it is at most 65,536 bytes."""
    require_bytes(associated_data, "associated_data", maximum=MAX_ASSOCIATED_DATA)


def require_max_plaintext(max_plaintext: object) -> None:
    """`UsageError` unless it is a number from 0 to 2^30."""
    if type(max_plaintext) is not int or not 0 <= max_plaintext <= MAX_PLAINTEXT_CEILING:
        raise UsageError(f"max_plaintext is an integer from 0 to {MAX_PLAINTEXT_CEILING}")


def max_padded(max_plaintext: int) -> int:
    """The longest padded plaintext to send or to look at, whatever its policy.

    What the default policy makes of the longest plaintext; never below that of the default bound, so that a receiver
    who takes only short plaintexts still takes them in any bucket.
    """
    if max_plaintext <= MAX_PLAINTEXT:
        return _DEFAULT_MAX_PADDED
    return DEFAULT_PADDING.padded_length(max_plaintext + 1)


def take_apart(message: bytes, associated_data: bytes, max_plaintext: int) -> Received:
    """What `decrypt` and `accept` are given, checked and cut.

    Raises:
        UsageError: an argument is of another type or length.
        MalformedMessage, UnsupportedVersion: as `message.split`.
    """
    require_bytes(message, "message")
    require_associated_data(associated_data)
    require_max_plaintext(max_plaintext)
    prefix, frame = split(message, max_padded(max_plaintext))
    return Received(prefix, frame, associated_data, max_plaintext)


def require_ring(prekeys: object, identity: IdentityKeyPair, our_address: bytes) -> None:
    """`UsageError` unless it is the ring of that identity and address."""
    require_identity(identity)
    require_address(our_address, "our_address")
    if type(prekeys) is not PrekeyRing:
        raise UsageError(f"a PrekeyRing is needed, not {type(prekeys).__name__}")
    if prekeys.identity != identity.public or prekeys.address != our_address:
        raise UsageError("the ring is of another identity or address")


def require_not_expired(state: SessionState, now: int) -> None:
    """`SessionExpired` for an unconfirmed session past its bundle's end."""
    require_time(now, "now")
    if state.unconfirmed is not None and now > state.unconfirmed.not_after:
        raise SessionExpired("unconfirmed past its bundle's end: fetch a new bundle")
