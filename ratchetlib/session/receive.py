"""Opening one message: from bytes and a state to a plaintext and the next state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import ratchet
from ratchetlib.errors import AuthenticationError
from ratchetlib.handshake import prefix_hash
from ratchetlib.padding import unpad

if TYPE_CHECKING:
    from ratchetlib.ratchet import Binding
    from ratchetlib.session.message import Message
    from ratchetlib.session.state import SessionState


def is_ours(state: SessionState, prefix: bytes) -> bool:
    """Whether an initial message with this prefix belongs to this (responder's) session."""
    return state.accepted_prefix is not None and prefix_hash(prefix) == state.accepted_prefix


def open_message(state: SessionState, message: Message, associated_data: bytes) -> tuple[SessionState, bytes]:
    """The next state and the plaintext. Whatever decrypts confirms the session.

    Raises:
        AuthenticationError: also for the initial message of another session, and for padding that no peer writes.
        DuplicateMessage, MessageKeyEvicted, TooManySkipped, SessionForked, ProtocolViolation: see `ratchet.decrypt`.
    """
    binding: Binding | None = state.bindings.receiving
    if message.prefix is not None:
        binding = state.bindings.receiving_initial if is_ours(state, message.prefix) else None
    if binding is None:
        reason = "the message does not authenticate"
        raise AuthenticationError(reason)
    moved, padded = ratchet.decrypt(state.ratchet, message.frame, associated_data, binding)
    plaintext = unpad(padded)
    del padded  # a traceback of what follows would show it
    if plaintext is None:
        reason = "the message does not authenticate"
        raise AuthenticationError(reason)
    return state.confirmed(moved), plaintext
