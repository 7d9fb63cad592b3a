"""Long conversations of real sessions, each device stolen after every message by every attacker."""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from closure.attacker import Knowledge
from closure.claims import Post, Theft, violations
from closure.handshakes import published
from closure.log import NOTHING, logged
from closure.worlds import POWERS, Figures
from support.forge import send
from support.pair import BOB, NOW, initiate, snapshot

from ratchetlib import AuthenticationError, Session
from ratchetlib.limits import MAX_CLOSED_CHAINS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from closure.attacker import Power
    from closure.claims import Finding
    from support.talk import Habit
    from support.traffic import Side

    from ratchetlib import IdentityKeyPair, PrekeyRing
    from ratchetlib.ratchet.header import Header

_OTHER: Final[dict[Side, Side]] = {"alice": "bob", "bob": "alice"}


class Letter(NamedTuple):
    """One message as it was sent.

    Attributes:
        place: how many were sent before it.
        sender: who.
        chain: 1 for Alice's first chain, 2 for Bob's answer, and so on, by the rules of the protocol.
        header: what its header really says.
        message: as it travels.
    """

    place: int
    sender: Side
    chain: int
    header: Header
    message: bytes


class Moment(NamedTuple):
    """All that one device is at one time.

    Attributes:
        sent: how many messages both sides had sent.
        victim: whose device.
        newest: the newest chain that it had received.
        has_open: whether it had sent on the chain after that.
        epoch: as the device reports it.
        used: places of the messages whose keys it had used.
        session: as it was.
        stored: everything that the device stores, in the canonical encodings: session, identity and, of Bob, the ring.
    """

    sent: int
    victim: Side
    newest: int
    has_open: bool
    epoch: int
    used: frozenset[int]
    session: Session
    stored: bytes


class Conversation:
    """Two devices that talk, with everything that a thief could get hold of.

    Attributes:
        log: what was computed.
        letters: all messages.
        moments: each device after every message.
        public: what everybody knows beside the messages.
        kem_seed: the private key to which the handshake encapsulates.
    """

    def __init__(self, habit: Habit, messages: int, *, seed: int = 0) -> None:
        self.letters: list[Letter] = []
        self.moments: list[Moment] = []
        self._habit = habit
        self._random = random.Random(seed)
        self._newest: dict[Side, int] = {"alice": 0, "bob": 0}
        self._used: dict[Side, set[int]] = {"alice": set(), "bob": set()}
        self._in_flight: list[Letter] = []
        self._sessions: dict[Side, Session] = {}
        with logged() as self.log:
            self._begin()
            for side in islice(habit.sides(), messages):
                self._say(side)

    @property
    def epochs(self) -> int:
        """Exchanges completed on both sides."""
        return min(session.health().pq_epoch for session in self._sessions.values())

    def _begin(self) -> None:
        alice, bob, ring, session = initiate()
        self.public = [NOTHING, session.session_id, *published(ring), alice.public.to_bytes()]
        (item,) = ring._contents.items.values()
        self.kem_seed = item.kem_seed.raw
        self._keys: dict[Side, IdentityKeyPair | PrekeyRing] = {"alice": alice, "bob": ring}
        self._sessions["alice"] = session
        first = self._send("alice")
        self._sessions["bob"], _ = Session.accept(bob, ring, first.message, our_address=BOB, now=NOW)
        self._received(first)
        self._look()

    def _say(self, side: Side) -> None:
        """One message, and what arrives after it."""
        letter = self._send(side)
        if self._random.random() >= self._habit.loss:
            self._in_flight.append(letter)
        arriving = [letter for letter in self._in_flight if self._random.random() >= self._habit.delay]
        self._random.shuffle(arriving)
        for letter in arriving:
            self._in_flight.remove(letter)
            self._deliver(letter)
        self._look()

    def _send(self, side: Side) -> Letter:
        sent = send(self._sessions[side], b"")
        letter = Letter(len(self.letters), side, self._newest[side] + 1, sent.header, sent.message)
        self.letters.append(letter)
        self._used[side].add(letter.place)
        return letter

    def _deliver(self, letter: Letter) -> None:
        side = _OTHER[letter.sender]
        try:
            self._sessions[side].decrypt(letter.message)
        except AuthenticationError:
            if self._newest[side] - letter.chain <= 2 * MAX_CLOSED_CHAINS:
                raise
        else:
            self._received(letter)

    def _received(self, letter: Letter) -> None:
        side = _OTHER[letter.sender]
        self._newest[side] = max(self._newest[side], letter.chain)
        self._used[side].add(letter.place)

    def _look(self) -> None:
        for side, session in self._sessions.items():
            newest = self._newest[side]
            has_open = any(letter.sender == side and letter.chain > newest for letter in self.letters)
            used = frozenset(self._used[side])
            epoch = session.health().pq_epoch
            stored = snapshot(session) + snapshot(self._keys[side])
            as_is = Session(session._state)
            self.moments.append(Moment(len(self.letters), side, newest, has_open, epoch, used, as_is, stored))


class Thefts:
    """What thieves make of a conversation, one after every so many messages.

    Attributes:
        conversation: the one.
        posts: its messages.
        public: what everybody can derive, by the problems solved.
    """

    def __init__(self, conversation: Conversation, *, every: int = 1) -> None:
        self.conversation = conversation
        self._every = every
        self.posts = _posts(conversation)
        self.public = {power: _overheard(conversation, power) for power in POWERS}
        self._thefts = self._derivations = 0

    @property
    def figures(self) -> Figures:
        """What `findings` has done."""
        checks = 2 * self._thefts * len(self.posts)
        states = len({moment.stored for moment in self.conversation.moments})
        return Figures(states, self._thefts, len(self.conversation.log.book), self._derivations, checks)

    def findings(self) -> Iterator[Finding]:
        """Every violation, each device being stolen, and both at once."""
        moments = self.conversation.moments
        for alice, bob in [*zip(moments[::2], moments[1::2], strict=True)][:: self._every]:
            yield from self._steal((alice,))
            yield from self._steal((bob,))
            yield from self._steal((alice, bob))

    def theft(self, moment: Moment) -> Theft:
        """The theft of that device."""
        used = {self.posts[place] for place in moment.used}
        shared = max((post.exchange for post in used if post.sender == moment.victim), default=0)
        return Theft(moment.victim, moment.newest, moment.has_open, shared, used)

    def _steal(self, victims: tuple[Moment, ...]) -> Iterator[Finding]:
        log = self.conversation.log
        given = log.lexicon.within(b"".join(moment.stored for moment in victims))
        thefts = tuple(map(self.theft, victims))
        for power in POWERS:
            knowledge = Knowledge(log.book, power, given, self.public[power])
            self._thefts += 1
            self._derivations += len(knowledge.derived)
            yield from violations(thefts, power, knowledge, self.posts)


def _posts(conversation: Conversation) -> list[Post]:
    epochs = {letter.chain: letter.header.pq_epoch for letter in conversation.letters}
    return [
        Post(
            sender=letter.sender,
            chain=letter.chain,
            number=letter.header.number,
            epoch=letter.header.pq_epoch,
            epoch_before=epochs.get(letter.chain - 2, 0),
            exchange=letter.header.pq_epoch + 1 if letter.header.chunk.kind else 0,
            sealed=conversation.log.sealed(letter.message),
        )
        for letter in conversation.letters
    ]


def _overheard(conversation: Conversation, power: Power) -> Knowledge:
    within = conversation.log.lexicon.within
    given = [term for known in conversation.public for term in within(known)]
    given += [term for letter in conversation.letters for term in within(letter.message)]
    return Knowledge(conversation.log.book, power, given)
