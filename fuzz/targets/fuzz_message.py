"""A session decrypts what its peer has sent and nothing else, once; whatever it refuses leaves it as it was."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import digest, parsed, refusal, require, require_bounded
from harness.peer import opens
from harness.positions import require_untouched, sent_to, standing, standings
from harness.work import MAX_TRIALS, MAX_WORK, metered

from ratchetlib import DuplicateMessage, Session

standings()


@deterministic
def one_input(data: bytes) -> None:
    """The first byte chooses where the session stands; the rest is a message."""
    number, message = data[0] if data else 0, data[1:]
    start = standing(number)
    session = Session(start.state)
    with metered() as meter:
        plaintext = parsed(session.decrypt, message)
    work = meter.read()
    require(work <= MAX_WORK, "a message costs more work than it may")
    require(work <= MAX_TRIALS or opens(start.state, message), "a stranger's message costs more than seven trials")
    if plaintext is None:
        require(message not in start.due, "a message that was sent is refused")
        require(digest(session._state) == start.content, "a refused message has changed the state")
        return
    require(sent_to(number % len(standings()) % 2).get(message) == plaintext, "a message decrypts that nobody has sent")
    require_bounded(session._state)
    require_untouched(start)
    require(isinstance(refusal(lambda: session.decrypt(message)), DuplicateMessage), "a message decrypts twice")
