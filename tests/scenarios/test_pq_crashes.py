"""Crashes: with the order of persistence none matters; without it, none kills that would not kill a classical ratchet.

A crash is a restart from an older state. What was sent in between may have arrived, may arrive later or never; what was
received in between may come again or not. Two conversations run in lockstep, one of them with the post-quantum machine
taken out, and both go through the same crash: the classical one says what a crash costs in any case.
"""

from __future__ import annotations

import importlib
import random
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from unittest.mock import patch

import pytest
from support.forge import ENCRYPT
from support.pair import reopened
from support.talk import DEEP, HABITS, Habit, Talk

from ratchetlib import PeerError, Session
from ratchetlib.ratchet.pq import NO_CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.traffic import Letter, Side

    from ratchetlib.ratchet.pq import Chunk, PqState
    from ratchetlib.session.state import SessionState

    Machine = Literal["post-quantum", "classical"]

DECRYPT = importlib.import_module("ratchetlib.ratchet.decrypt")
TRIALS = 4000 if DEEP else 400
MESSAGES = 1500
DEPTH = 4
LONG_RUN = 24
"""Sends before a save that carry a whole set of chunks to the peer, although some are lost."""
OTHER: dict[Side, Side] = {"alice": "bob", "bob": "alice"}
HABIT = Habit("AAABAABBBABB", loss=0.1, delay=0.4)
KINDS = [
    ("Idle", True),
    *(
        (phase, opens)
        for phase in ("Carrying", "Ready", "Collecting", "HasKey", "Answering")
        for opens in (True, False)
    ),
]
every_kind = pytest.mark.parametrize(
    "kind", KINDS, ids=[f"{phase}, {'opens a chain' if opens else 'on an open chain'}" for phase, opens in KINDS]
)


@contextmanager
def without_the_machine() -> Iterator[None]:
    """A purely classical ratchet: nothing is sampled, carried, collected or mixed."""

    def stays(state: PqState, *_: object) -> tuple[PqState, None]:
        return state, None

    def carries_nothing(state: PqState) -> tuple[PqState, Chunk]:
        return state, NO_CHUNK

    def absorbs_nothing(state: PqState, *_: object) -> PqState:
        return state

    with (
        patch.object(ENCRYPT, "open_chain", stays),
        patch.object(ENCRYPT, "next_chunk", carries_nothing),
        patch.object(DECRYPT, "join_epoch", stays),
        patch.object(DECRYPT, "absorb", absorbs_nothing),
    ):
        yield


class Moment(NamedTuple):
    """Just before a send.

    Attributes:
        side: who is about to send.
        states: of both sides.
        in_flight: not yet arrived.
        saved: older states of the sender, the newest first, with what it received since.
    """

    side: Side
    states: dict[Side, SessionState]
    in_flight: tuple[Letter, ...]
    saved: list[tuple[SessionState, tuple[Letter, ...]]]


class Watched(Talk):
    """A conversation with every moment before a send.

    Attributes:
        moments: in order; in lockstep conversations the same place is the same moment.
        kinds: what kind of send each is: the sender's phase, and whether a chain is opened.
    """

    def __init__(self, seed: int) -> None:
        self.moments: list[Moment] = []
        self.kinds: list[tuple[str, bool]] = []
        self._history: dict[Side, list[tuple[SessionState, tuple[Letter, ...]]]] = {"alice": [], "bob": []}
        super().__init__(seed)
        self.go(HABIT, MESSAGES)

    def send(self, side: Side, plaintext: bytes | None = None) -> Letter:
        self._remember(side)
        states = {of: session._state for of, session in self.sessions.items()}
        self.moments.append(Moment(side, states, tuple(self.in_flight), self._saved(side)))
        state = states[side].ratchet
        self.kinds.append((type(state.pq.phase).__name__, state.sending is None))
        return super().send(side, plaintext)

    def deliver(self, letter: Letter) -> None:
        self._remember(letter.to, letter)
        super().deliver(letter)

    def _remember(self, side: Side, *letters: Letter) -> None:
        self._history[side].append((self.sessions[side]._state, letters))

    def _saved(self, side: Side) -> list[tuple[SessionState, tuple[Letter, ...]]]:
        since: tuple[Letter, ...] = ()
        saved = []
        for state, received in reversed(self._history[side][-DEPTH:]):
            since = received + since
            saved.append((state, since))
        return saved


@cache
def watched(machine: Machine) -> Watched:
    if machine == "post-quantum":
        return Watched(77)
    with without_the_machine():
        return Watched(77)


def places(kind: tuple[str, bool]) -> list[int]:
    """Where sends of that kind happen, by the post-quantum conversation."""
    return [place for place, of in enumerate(watched("post-quantum").kinds) if of == kind]


class Aftermath:
    """Two sides after a moment, over a link that the source of chance controls."""

    def __init__(self, moment: Moment, seed: int) -> None:
        self.moment = moment
        self.source = random.Random(seed)
        self.sessions = {side: Session(state) for side, state in moment.states.items()}
        self.late = [(letter.to, letter.message) for letter in moment.in_flight]

    def sends(self, side: Side) -> None:
        """One message, which arrives at once, later or never."""
        message = self.sessions[side].encrypt(b"")
        fate = self.source.random()
        if fate < 0.4:
            self.arrives(OTHER[side], message)
        elif fate < 0.7:
            self.late.append((OTHER[side], message))

    def arrives(self, side: Side, message: bytes) -> bool:
        try:
            self.sessions[side].decrypt(message)
        except PeerError:
            return False
        return True

    def catch_up(self, share: float) -> None:
        """What was on its way arrives, or that share of it."""
        self.source.shuffle(self.late)
        waiting = []
        for to, message in self.late:
            if self.source.random() < share:
                self.arrives(to, message)
            else:
                waiting.append((to, message))
        self.late = waiting

    def round_trip(self) -> bool:
        """One message each way; whether both decrypt."""
        sides = list(self.sessions)
        self.source.shuffle(sides)
        arrived = [self.arrives(OTHER[side], self.sessions[side].encrypt(b"")) for side in sides]
        return all(arrived)

    def lives(self, rounds: int = 6) -> bool:
        """Whether, after some rounds with the remains of the past, messages go both ways again."""
        went = []
        for _ in range(rounds):
            self.catch_up(0.5)
            went.append(self.round_trip())
        return all(went[-2:])

    def completes_an_epoch(self) -> bool:
        """Whether both sides mix two more secrets in the time that an even conversation needs, and a half more."""
        before = self._epoch()
        for _ in range(53 * 3 // 2):
            if not self.round_trip():
                return False
        return self._epoch() >= before + 2

    def _epoch(self) -> int:
        return min(session.health().pq_epoch for session in self.sessions.values())


# --- a crash before any save --------------------------------------------------------------------


def crashed(machine: Machine, place: int, seed: int) -> Aftermath:
    """Messages are sent, and perhaps answered, before any save; then the sender restarts from an older state."""
    moment = watched(machine).moments[place]
    after = Aftermath(moment, seed)
    older, received = after.source.choice(moment.saved)
    for _ in range(after.source.choice((1, 1, 1, 2, 2, 3, 3, LONG_RUN))):
        after.sends(moment.side)
    for _ in range(after.source.choice((0, 0, 1, 3))):
        after.sends(OTHER[moment.side])
        after.sends(moment.side)
    after.sessions[moment.side] = reopened(Session(older))
    if after.source.random() < 0.5:
        after.late += [(letter.to, letter.message) for letter in received]
    return after


@pytest.mark.attack("A77")
@every_kind
def test_no_crash_before_a_save_kills_what_it_would_not_kill_in_a_classical_ratchet(kind: tuple[str, bool]) -> None:
    where = places(kind)
    dead, lived = 0, 0
    for trial in range(TRIALS):
        place = where[trial % len(where)]
        after = crashed("post-quantum", place, trial)
        if after.lives():
            lived += 1
            if trial % 20 == 0:
                assert after.completes_an_epoch()
            continue
        dead += 1
        with without_the_machine():
            assert not crashed("classical", place, trial).lives()
    # Both ends of such a crash occur, or the comparison would say nothing.
    assert dead > TRIALS // 50
    assert lived > TRIALS // 50


def test_the_classical_twin_is_in_the_same_places() -> None:
    """The same chains are opened at the same sends, and no post-quantum secret enters its root."""
    with_machine, without = watched("post-quantum"), watched("classical")
    assert [opens for _, opens in with_machine.kinds] == [opens for _, opens in without.kinds]
    assert [(moment.side, len(moment.in_flight)) for moment in with_machine.moments] == [
        (moment.side, len(moment.in_flight)) for moment in without.moments
    ]
    assert with_machine.epoch > 10
    assert without.epoch == 0


# --- the order of persistence -------------------------------------------------------------------


@pytest.mark.attack("A77")
@every_kind
def test_with_the_order_of_persistence_no_crash_at_a_send_kills(kind: tuple[str, bool]) -> None:
    """Whether it strikes before the save or after it, what was not saved was not sent: it is a message that is lost."""
    where = places(kind)
    for trial in range(TRIALS):
        moment = watched("post-quantum").moments[where[trial % len(where)]]
        after = Aftermath(moment, trial)
        sender = after.sessions[moment.side]
        saved = sender._state
        for _ in range(after.source.choice((1, 1, 2, 3))):
            sender.encrypt(b"never sent")
            if after.source.random() < 0.5:
                saved = sender._state
        after.sessions[moment.side] = reopened(Session(saved))
        assert all(after.round_trip() for _ in range(3))
        after.catch_up(1)
        assert all(after.round_trip() for _ in range(2))
        if trial % 20 == 0:
            assert after.completes_an_epoch()


@pytest.mark.attack("A77")
@pytest.mark.parametrize("seed", range(60 if DEEP else 6))
def test_with_the_order_of_persistence_a_conversation_of_crashes_goes_on(seed: int) -> None:
    """Every third call crashes, before its save or after it: an unsaved receive comes again, an unsent send is lost."""
    talk = Crashing(seed)
    for habit in (HABITS["ping-pong"], HABITS["bursts"], HABITS["everything"]):
        talk.go(habit, 120)
    talk.deliver_all()
    assert max(talk.messages_per_epoch(HABITS["ping-pong"], 3)) <= 3 * 53
    assert talk.crashes > 200


class Crashing(Talk):
    """A conversation in which the process dies in every third call.

    Attributes:
        crashes: so far.
    """

    def __init__(self, seed: int) -> None:
        self.crashes = 0
        super().__init__(seed)

    def send(self, side: Side, plaintext: bytes | None = None) -> Letter:
        if self._crashes():
            session = self.sessions[side]
            saved = session._state
            session.encrypt(b"never sent")
            if self._source.random() < 0.5:
                saved = session._state
            self.sessions[side] = reopened(Session(saved))
        return super().send(side, plaintext)

    def deliver(self, letter: Letter) -> None:
        if self._crashes():
            saved = self.sessions[letter.to]._state
            with suppress(PeerError):  # too late for it, as `Traffic` will find
                self.sessions[letter.to].decrypt(letter.message)
            self.sessions[letter.to] = reopened(Session(saved))
        super().deliver(letter)

    def _crashes(self) -> bool:
        crashes = self._source.random() < 1 / 3
        self.crashes += crashes
        return crashes
