"""Opening one message: from bytes and a state to a plaintext and the next state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib import ratchet
from ratchetlib.errors import AuthenticationError, MalformedMessage
from ratchetlib.handshake import prefix_hash
from ratchetlib.padding import unpad

if TYPE_CHECKING:
    from ratchetlib.ratchet import Binding, Frame, RatchetKeyPair
    from ratchetlib.session.state import SessionState


def is_ours(state: SessionState, prefix: bytes) -> bool:
    """Whether an initial message with this prefix belongs to this (responder's) session."""
    return state.accepted_prefix is not None and prefix_hash(prefix) == state.accepted_prefix


class Received(NamedTuple):
    """A message taken apart, and what the caller says of it.

    Attributes:
        prefix: the handshake prefix of an initial message; None for an ordinary one.
        frame: the ratchet's part.
        associated_data: what the sender bound to it.
        max_plaintext: bytes that the caller is ready to take.
    """

    prefix: bytes | None
    frame: Frame
    associated_data: bytes
    max_plaintext: int


def open_message(
    state: SessionState, message: Received, signed_prekey: RatchetKeyPair | None = None
) -> tuple[SessionState, bytes]:
    """The next state and the plaintext. Whatever decrypts confirms the session.

    `signed_prekey` is the responder's first ratchet key pair, for its first message only.

    Raises:
        AuthenticationError: also for the initial message of another session, and for padding that no peer writes.
        MalformedMessage: the plaintext is longer than the caller is ready to take.
        DuplicateMessage, MessageKeyEvicted, TooManySkipped, SessionForked, ProtocolViolation: see `ratchet.decrypt`.
    """
    prefix, frame, associated_data, max_plaintext = message
    binding: Binding | None = state.bindings.receiving
    if prefix is not None:
        binding = state.bindings.receiving_initial if is_ours(state, prefix) else None
    if binding is None:
        raise AuthenticationError
    moved, padded = ratchet.decrypt(state.ratchet, frame, associated_data, binding, signed_prekey)
    plaintext = unpad(padded)
    del padded  # a traceback of what follows would show it
    if plaintext is None:
        raise AuthenticationError
    if len(plaintext) > max_plaintext:
        del plaintext
        raise MalformedMessage(f"a plaintext of more than {max_plaintext} bytes")
    return (state.moved(moved) if state.unconfirmed is None else state.confirmed(moved)), plaintext
