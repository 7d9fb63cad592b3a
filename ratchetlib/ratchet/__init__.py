"""The Double Ratchet with header encryption, as pure functions on an immutable state.

It knows nothing of identities, addresses or the handshake: it starts from a root key and two header keys.
"""

from ratchetlib.ratchet.binding import Binding, Direction, MessageType
from ratchetlib.ratchet.chains import RatchetKeyPair
from ratchetlib.ratchet.decrypt import FRAME_OVERHEAD, Frame, decrypt
from ratchetlib.ratchet.encrypt import encrypt
from ratchetlib.ratchet.skipped import forgotten
from ratchetlib.ratchet.state import RatchetState, initial_state

__all__ = [
    "FRAME_OVERHEAD",
    "Binding",
    "Direction",
    "Frame",
    "MessageType",
    "RatchetKeyPair",
    "RatchetState",
    "decrypt",
    "encrypt",
    "forgotten",
    "initial_state",
]
