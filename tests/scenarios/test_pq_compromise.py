"""What a compromise exposes, and exactly when it stops: an attacker derives all it can, and no more than it should.

Both states, or one, leak in every phase of the exchange. The attacker has the wire of the whole conversation, from long
before the leak to long after, and for ever all keys of one of the two kinds. What it reads must be what the
specification says to the message: less would mean that the attacker does not try hard enough.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.attacker import Attacker
from support.pair import reopened
from support.spies import secrets_recorded
from support.talk import DEEP, Habit, Talk

from ratchetlib.keys import DhPrivateKey, KemSeed, PqSecret
from ratchetlib.ratchet import Direction
from ratchetlib.ratchet.pq.states import Answering, Carrying, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.traffic import Letter, Side

    from ratchetlib import Session
    from ratchetlib.ratchet import RatchetState
    from ratchetlib.secret import SecretBytes

HABIT = Habit("AAABBB", loss=0.1, delay=0.1)
EPOCHS = 12 if DEEP else 6
EVERY = 1 if DEEP else 20
SIDES: tuple[Side, ...] = ("alice", "bob")
DIRECTIONS = {"alice": Direction.INITIATOR_TO_RESPONDER, "bob": Direction.RESPONDER_TO_INITIATOR}
AGREEMENT_KEYS = (DhPrivateKey,)
KEM_SECRETS = (KemSeed, PqSecret)


class Posted(NamedTuple):
    """One message on the wire.

    Attributes:
        sender: who sent it.
        chain: the place of its chain among all chains of the conversation.
        epoch: of that chain.
    """

    sender: Side
    chain: int
    epoch: int


class Leak(NamedTuple):
    """Both states at one time.

    Attributes:
        place: how many messages had been sent.
        missing: those of them that had not arrived.
        states: what leaks.
    """

    place: int
    missing: frozenset[int]
    states: dict[Side, Session]

    def phases(self) -> tuple[str, ...]:
        return tuple(type(ratchet(self.states[side]).pq.phase).__name__ for side in SIDES)


class Recorded(Talk):
    """A conversation of which everything is kept that anybody could get hold of.

    Attributes:
        wire: the messages, with their directions, as an observer sees them.
        posted: the same, as their senders see them.
        leaks: what would leak after each message.
        made: every secret of the whole conversation.
    """

    def __init__(self, seed: int) -> None:
        self.wire: list[tuple[Direction, bytes]] = []
        self.posted: list[Posted] = []
        self.leaks: list[Leak] = []
        self._missing: dict[bytes, int] = {}
        with secrets_recorded() as self.made:
            super().__init__(seed)
            sides = HABIT.sides()
            while self.epoch < EPOCHS:
                self.say(next(sides), HABIT)
                states = {side: reopened(session) for side, session in self.sessions.items()}
                self.leaks.append(Leak(len(self.wire), frozenset(self._missing.values()), states))

    def send(self, side: Side, plaintext: bytes | None = None) -> Letter:
        letter = super().send(side, plaintext)
        sending = ratchet(self.sessions[side]).sending
        if sending is None:
            raise AssertionError("whoever has sent has a sending chain")
        self._missing[letter.message] = len(self.wire)
        self.wire.append((DIRECTIONS[side], letter.message))
        self.posted.append(Posted(side, self.chain(sending.key_pair.public), sending.pq_epoch))
        return letter

    def deliver(self, letter: Letter) -> None:
        super().deliver(letter)
        if letter in self.delivered:
            del self._missing[letter.message]

    def chain(self, ratchet_key: bytes) -> int:
        return list(self.epochs).index(ratchet_key)

    def attacker(self, leak: Leak, leaked: Iterable[Side], made: dict[bytes, type[SecretBytes]]) -> Attacker:
        attacker = Attacker(leak.states["alice"].session_id, self.wire)
        for side in leaked:
            attacker.learn_state(leak.states[side])
        attacker.learn_secrets(made)
        attacker.close()
        return attacker


@cache
def recorded() -> Recorded:
    return Recorded(18)


def ratchet(session: Session) -> RatchetState:
    return session._state.ratchet


@cache
def leaks() -> list[Leak]:
    """Every few messages, and one in each pair of phases that occurs; early enough to heal before the end."""
    last = recorded().epoch - 3
    early = [leak for leak in recorded().leaks if ratchet(leak.states["alice"]).pq.epoch <= last]
    by_phases = {leak.phases(): leak for leak in early}
    return [leak for place, leak in enumerate(early) if place % EVERY == 0 or by_phases[leak.phases()] is leak]


def given(*roles: type[SecretBytes]) -> dict[bytes, type[SecretBytes]]:
    return {raw: role for raw, role in recorded().made.items() if role in roles}


# --- what the specification says ----------------------------------------------------------------


def late(leak: Leak, leaked: Iterable[Side]) -> set[int]:
    """Messages on their way to a leaked side, whose keys it still has or can still derive; lost ones included."""
    talk = recorded()
    kept = {}
    for side in leaked:
        chains = [talk.chain(chain.ratchet_key) for chain in ratchet(leak.states[side]).chains]
        kept[side] = min(chains)
    other = {"alice": "bob", "bob": "alice"}
    return {
        place
        for place in leak.missing
        if (to := other[talk.posted[place].sender]) in kept and talk.posted[place].chain >= kept[to]
    }


def first_healed_epoch(leak: Leak, leaked: Iterable[Side]) -> int:
    """The first epoch whose secret no leaked state holds or can decapsulate: the next, or the one after it."""
    healed = 0
    for side in leaked:
        pq = ratchet(leak.states[side]).pq
        healed = max(healed, pq.epoch + 1 + isinstance(pq.phase, Carrying | Ready | Answering))
    return healed


def last_exposed_chain(leak: Leak, leaked: Iterable[Side]) -> int:
    """The chain that answers the leaked ratchet key, if there is one; else the newest that the leaked side has seen."""
    talk, last = recorded(), 0
    for side in leaked:
        state = ratchet(leak.states[side])
        if state.sending is not None:
            last = max(last, talk.chain(state.sending.key_pair.public) + 1)
        elif state.receiving is not None:
            last = max(last, talk.chain(state.receiving.ratchet_key))
    return last


# --- the tests ----------------------------------------------------------------------------------


leaked_sides = pytest.mark.parametrize("leaked", [SIDES, ("alice",), ("bob",)], ids="+".join)


def test_the_leaks_are_in_every_phase_of_both_sides() -> None:
    phases = {leak.phases() for leak in leaks()}
    for side in (0, 1):
        assert {pair[side] for pair in phases} == {"Idle", "Carrying", "Ready", "Collecting", "HasKey", "Answering"}


@pytest.mark.attack("A18", "A57", "A58", "A64", "A70")
@leaked_sides
def test_with_all_agreement_keys_an_attacker_reads_on_until_a_whole_epoch_has_completed(
    leaked: tuple[Side, ...],
) -> None:
    """X25519 is broken: the post-quantum ratchet heals by itself, from the chain that mixes an unseen secret on."""
    talk = recorded()
    for leak in leaks():
        attacker = talk.attacker(leak, leaked, given(*AGREEMENT_KEYS))
        healed = first_healed_epoch(leak, leaked)
        after = {place for place in range(leak.place, len(talk.wire)) if talk.posted[place].epoch < healed}
        assert attacker.read == after | late(leak, leaked)
        assert healed <= talk.epoch


@pytest.mark.attack("A18", "A42", "A57", "A58", "A134")
@leaked_sides
def test_with_all_kem_secrets_an_attacker_reads_on_until_both_sides_have_new_ratchet_keys(
    leaked: tuple[Side, ...],
) -> None:
    """ML-KEM is broken: the Diffie-Hellman ratchet heals as ever."""
    talk = recorded()
    for leak in leaks():
        attacker = talk.attacker(leak, leaked, given(*KEM_SECRETS))
        exposed = last_exposed_chain(leak, leaked)
        after = {place for place in range(leak.place, len(talk.wire)) if talk.posted[place].chain <= exposed}
        assert attacker.read == after | late(leak, leaked)


def test_with_all_keys_of_both_kinds_an_attacker_reads_everything_after_the_leak() -> None:
    """The attacker is able: it stops above because of what it lacks."""
    talk = recorded()
    leak = leaks()[0]
    attacker = talk.attacker(leak, SIDES, given(*AGREEMENT_KEYS, *KEM_SECRETS))
    assert attacker.read == set(range(leak.place, len(talk.wire))) | late(leak, SIDES)


def test_with_all_keys_of_both_kinds_and_no_state_an_attacker_reads_nothing() -> None:
    talk = recorded()
    assert talk.attacker(talk.leaks[0], (), given(*AGREEMENT_KEYS, *KEM_SECRETS)).read == set()
