"""Where conversations begin: every phase of the post-quantum ratchet, late messages, closed chains, full stores."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from harness.draws import fixed_draws
from harness.oracles import digest, require
from harness.talk import Talk, false_key_chunk

from ratchetlib import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.talk import Making

    from ratchetlib.session.state import SessionState

_MESSAGES: Final = (0, 2, 10, 22, 23, 24, 25, 26, 46, 47, 48, 49, 72, 73, 74, 75, 97, 98, 99, 122)
"""Messages in turn after which a position is taken: around each step of the first two epochs."""


@cache
def positions() -> tuple[Talk, ...]:
    """Every beginning; copy one before you play on."""
    with fixed_draws(b"positions"):
        return (*_in_order(), _late(), _closed_chains(), _wide_gap(), _nearly_full(), _crossing(), _false_key())


def position(number: int, make: Making = Session) -> Talk:
    """One of them, to play on from, with sessions of that kind."""
    known = positions()
    return known[number % len(known)].copy(make)


class Standing(NamedTuple):
    """One side of a position.

    Attributes:
        state: the session's.
        content: its digest.
        due: what is under way to it and must decrypt: plaintexts by their messages.
    """

    state: SessionState
    content: object
    due: Mapping[bytes, bytes]


@cache
def standings() -> tuple[Standing, ...]:
    """Both sides of every position, the initiator's first."""
    return tuple(_standing(talk, who) for talk in positions() for who in (0, 1))


def standing(number: int) -> Standing:
    """One of them."""
    known = standings()
    return known[number % len(known)]


@cache
def sent_to(who: int) -> Mapping[bytes, bytes]:
    """All that is under way to one side in any position: plaintexts by their messages.

    All positions go on from one handshake, so that a message of one may also open where another has just begun.
    """
    letters = (letter for talk in positions() for letter in talk.letters if letter.to == who)
    return {letter.message: letter.plaintext for letter in letters}


def sides_of(number: int) -> tuple[Standing, ...]:
    """Both sides of a position."""
    place = number % len(positions())
    return standings()[2 * place : 2 * place + 2]


def require_untouched(start: Standing) -> None:
    """States are values: whatever was made of one, it is still what it was."""
    require(digest(start.state) == start.content, "a state has changed in place")


def _standing(talk: Talk, who: int) -> Standing:
    seat = talk.seats[who]
    letters = [letter for letter in talk.letters if letter.to == who and seat.side.refusal(letter) is None]
    state = seat.session._state
    return Standing(state, digest(state), {letter.message: letter.plaintext for letter in letters})


def _in_order() -> list[Talk]:
    talk, taken = Talk.begun(), []
    for sent in range(_MESSAGES[-1] + 1):
        if sent in _MESSAGES:
            taken.append(talk.copy())
        talk.deliver(talk.send(1 - sent % 2))
        talk.letters.clear()
    return taken


def _round(talk: Talk) -> None:
    for who in (1, 0):
        talk.deliver(talk.send(who))
    talk.letters.clear()


def _late() -> Talk:
    """Messages on the open chain and on the one before it are under way, out of order."""
    talk = Talk.begun()
    _round(talk)
    first = [talk.send(0) for _ in range(4)]
    talk.deliver(first[2])
    talk.deliver(talk.send(1))
    second = [talk.send(0) for _ in range(4)]
    talk.deliver(second[1])
    return talk


def _closed_chains() -> Talk:
    """Five closed chains and an open one, each with a message under way."""
    talk = Talk.begun()
    for _ in range(7):
        talk.deliver(talk.send(1))
        talk.send(0, b"late")
        talk.deliver(talk.send(0))
    talk.letters = [letter for letter in talk.letters if letter.plaintext]
    return talk


def _wide_gap() -> Talk:
    """As many messages are missing as may be: the next two are within the bound and beyond it."""
    talk = Talk.begun()
    _round(talk)
    talk.lose(0, 1_000 - 1)
    talk.send(0, b"within")
    talk.send(0, b"beyond")
    return talk


def _nearly_full() -> Talk:
    """1,990 skipped keys on two chains."""
    talk = Talk.begun()
    _round(talk)
    for count in (1_000, 990):
        talk.send(0, b"oldest")
        talk.lose(0, count - 1)
        talk.deliver(talk.send(0))
        talk.deliver(talk.send(1))
    return talk


def _crossing() -> Talk:
    """Both sides have written before either has read: the initiator is unconfirmed."""
    talk = Talk.begun()
    for who in (0, 1, 0):
        talk.send(who, b"crossing")
    return talk


def _false_key() -> Talk:
    """The last chunk of a key that is none is under way."""
    talk = Talk.begun()
    _round(talk)
    genuine, needed = 2, 13
    for _ in range(needed - genuine + needed):  # the first set is mixed, and dropped
        talk.send_twisted(0, false_key_chunk, forbidden=False)
    for letter in talk.letters[:-1]:
        talk.deliver(letter)
    talk.letters = talk.letters[-1:]
    return talk
