"""An authentic body of any content comes out without its padding, or is refused and leaves the message to come again."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import digest, parsed, refusal, require
from harness.peer import message_key, places, sealed_message
from harness.positions import position, positions

from ratchetlib import AuthenticationError, MalformedMessage
from ratchetlib.ratchet.header import Header
from ratchetlib.ratchet.pq import NO_CHUNK

positions()


@deterministic
def one_input(data: bytes) -> None:
    """The position, the side, how much the receiver takes (in 16 bytes), and the padded plaintext."""
    chosen, accepted, padded = *data[:2].ljust(2, b"\0"), data[2:] or b"\0"
    session = position(chosen >> 1).seats[chosen & 1].session
    state, bound = session._state.ratchet, session._state.bindings.receiving
    place = places(state)[0]
    chain = place.chain
    if chain is None:
        return
    header = Header(chain.ratchet_key, chain.previous_length, chain.number, chain.pq_epoch, NO_CHUNK)
    message = sealed_message(place.header_key, message_key(state, place, header), header, padded, bound)
    before = digest(session._state)
    content, marker, tail = padded.rpartition(b"\x80")
    if not marker or any(tail):
        expected: type[Exception] | None = AuthenticationError
    else:
        expected = MalformedMessage if len(content) > 16 * accepted else None
    if expected is None:
        plaintext = parsed(lambda sent: session.decrypt(sent, max_plaintext=16 * accepted), message)
        require(plaintext == content, "another plaintext than was sealed")
        return
    error = refusal(lambda: session.decrypt(message, max_plaintext=16 * accepted))
    require(type(error) is expected, f"{type(error).__name__} where {expected.__name__} is due")
    require(digest(session._state) == before, "a refused message has changed the state")
