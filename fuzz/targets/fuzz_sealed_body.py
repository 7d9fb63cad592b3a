"""An authentic body of any content comes out without its padding, or is refused and changes nothing."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import digest, parsed, refusal, require
from harness.peer import message_key, places, sealed_message
from harness.positions import require_untouched, standing, standings

from ratchetlib import AuthenticationError, MalformedMessage, Session
from ratchetlib.ratchet.header import Header
from ratchetlib.ratchet.pq import NO_CHUNK

OPTIONS = ("-max_len=512",)
standings()


@deterministic
def one_input(data: bytes) -> None:
    """Where the session stands, how much it takes (in 16 bytes), and the padded plaintext."""
    chosen, accepted, padded = *data[:2].ljust(2, b"\0"), data[2:] or b"\0"
    start = standing(chosen)
    session = Session(start.state)
    state, bound = session._state.ratchet, session._state.bindings.receiving
    place = places(state)[0]
    chain = place.chain
    if chain is None:
        return
    header = Header(chain.ratchet_key, chain.previous_length, chain.number, chain.pq_epoch, NO_CHUNK)
    message = sealed_message(place.header_key, message_key(state, place, header), header, padded, bound)
    content, marker, tail = padded.rpartition(b"\x80")
    if not marker or any(tail):
        expected: type[Exception] | None = AuthenticationError
    else:
        expected = MalformedMessage if len(content) > 16 * accepted else None
    if expected is None:
        plaintext = parsed(lambda sent: session.decrypt(sent, max_plaintext=16 * accepted), message)
        require(plaintext == content, "another plaintext than was sealed")
        require_untouched(start)
        return
    error = refusal(lambda: session.decrypt(message, max_plaintext=16 * accepted))
    require(type(error) is expected, f"{type(error).__name__} where {expected.__name__} is due")
    require(digest(session._state) == start.content, "a refused message has changed the state")
