"""A session decrypts what its peer has sent and nothing else, once; whatever it refuses leaves it as it was."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import digest, parsed, refusal, require, require_bounded
from harness.positions import require_untouched, sent, standing, standings

from ratchetlib import DuplicateMessage, Session

standings()


@deterministic
def one_input(data: bytes) -> None:
    """The first byte chooses where the session stands; the rest is a message."""
    start, message = standing(data[0] if data else 0), data[1:]
    session = Session(start.state)
    plaintext = parsed(session.decrypt, message)
    if plaintext is None:
        require(message not in start.due, "a message that was sent is refused")
        require(digest(session._state) == start.content, "a refused message has changed the state")
        return
    require(sent().get(message) == plaintext, "a message decrypts that nobody has sent")
    require_bounded(session._state)
    require_untouched(start)
    require(isinstance(refusal(lambda: session.decrypt(message)), DuplicateMessage), "a message decrypts twice")
