"""Whoever talks how they like over whatever link: messages decrypt, epochs complete, and both sides agree on them."""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING

import pytest
from support.forge import send
from support.pair import make_pair, snapshot
from support.pq import PHASES
from support.spies import secrets_recorded, secrets_within
from support.talk import DEEP, HABITS, Habit, Talk

from ratchetlib.keys import KemSecret, KemSeed, PqSecret
from ratchetlib.limits import PQ_DUE_MESSAGES
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, PqState, Ready

if TYPE_CHECKING:
    from ratchetlib.secret import SecretBytes

SCHEDULES = 2000 if DEEP else 60
STRETCHES = 10 if DEEP else 5
EPOCHS = 300 if DEEP else 40
EVEN = HABITS["ping-pong"]


def went_on(talk: Talk) -> None:
    """Once nothing is lost any more, epochs complete: the one in progress and two whole ones."""
    talk.deliver_all()
    assert max(talk.messages_per_epoch(EVEN, 3)) <= 2 * 53
    assert abs(talk.pq("alice").epoch - talk.pq("bob").epoch) <= 1


# --- any schedule -------------------------------------------------------------------------------


@pytest.mark.attack("A69")
@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_any_way_of_talking_works(seed: int) -> None:
    """`Talk` holds every plaintext and the epoch of every chain on the way."""
    source = random.Random(seed)
    talk = Talk(seed)
    for _ in range(STRETCHES):
        talk.go(source.choice(list(HABITS.values())), source.randrange(10, 100))
    went_on(talk)


@pytest.mark.attack("A66", "A69")
@pytest.mark.parametrize("seed", range(4 * (1 + 9 * DEEP)))
def test_both_sides_restart_after_every_message(seed: int) -> None:
    talk = Talk(seed, restarts=True)
    for habit in (EVEN, HABITS["everything"], HABITS["10 to 1"], HABITS["loss"]):
        talk.go(habit, 80)
    went_on(talk)
    assert talk.restarted == set(product(("alice", "bob"), (phase.__name__ for phase in PHASES)))


def test_a_late_message_of_an_old_chain_still_brings_its_chunk() -> None:
    pair = make_pair()
    late = [pair.alice.encrypt(b"") for _ in range(12)]
    for message in late[:10]:
        pair.bob.decrypt(message)
    pair.alice.decrypt(pair.bob.encrypt(b""))
    pair.bob.decrypt(pair.alice.encrypt(b"a new chain"))
    assert isinstance(pair.bob._state.ratchet.pq.phase, Collecting)
    pair.bob.decrypt(late[10])
    assert isinstance(pair.bob._state.ratchet.pq.phase, HasKey)


# --- how long an epoch takes --------------------------------------------------------------------


def test_an_epoch_of_strict_ping_pong_takes_at_most_53_messages() -> None:
    assert max(Talk(1).messages_per_epoch(EVEN, EPOCHS)) <= 53


@pytest.mark.parametrize("habit", ["10 to 1", "1 to 10"])
def test_an_epoch_at_ten_to_one_takes_at_most_170_messages(habit: str) -> None:
    assert max(Talk(1).messages_per_epoch(HABITS[habit], EPOCHS)) <= 170


@pytest.mark.parametrize("seed", range(3))
def test_an_epoch_of_ping_pong_with_a_loss_of_30_percent_takes_80_messages_on_average(seed: int) -> None:
    taken = Talk(seed).messages_per_epoch(HABITS["loss"], EPOCHS)
    assert sum(taken) <= 80 * len(taken)


def test_an_epoch_in_bursts_of_five_takes_at_most_60_messages() -> None:
    assert max(Talk(1).messages_per_epoch(HABITS["bursts"], EPOCHS)) <= 60


# --- when the link is the enemy -----------------------------------------------------------------


@pytest.mark.attack("A42", "A70")
@pytest.mark.parametrize("habit", ["one-way", "the other way"])
def test_one_way_traffic_completes_no_epoch_and_says_so(habit: str) -> None:
    talk = Talk(0)
    talk.deliver_all()
    talk.go(HABITS[habit], PQ_DUE_MESSAGES)
    for session in talk.sessions.values():
        assert session.health().pq_epoch == 0
        assert session.health().pq_overdue
    went_on(talk)
    for session in talk.sessions.values():
        assert not session.health().pq_overdue


@pytest.mark.attack("A70")
@pytest.mark.parametrize("step", [2, 3, 4, 8])
def test_whoever_drops_every_nth_message_slows_an_epoch_and_stops_none(step: int) -> None:
    """Counted by each sender: the strongest regularity that an observer of the wire can impose."""
    pair = make_pair().confirm()
    sides = [(pair.alice, pair.bob), (pair.bob, pair.alice)]
    count = 0
    while min(session.health().pq_epoch for session, _ in sides) < 3:
        for sender, receiver in sides:
            message = sender.encrypt(b"")
            if count // 2 % step:
                receiver.decrypt(message)
            count += 1
        assert count < 3 * 53 * 3


@pytest.mark.attack("A70")
@pytest.mark.parametrize(("step", "residue"), [(2, 0), (2, 1), (3, 1), (4, 3), (5, 0)])
def test_whoever_drops_one_residue_class_of_chunks_stops_no_epoch(step: int, residue: int) -> None:
    """More than anybody outside can do: chunk indices are encrypted."""
    pair = make_pair().confirm()
    sides = [(pair.alice, pair.bob), (pair.bob, pair.alice)]
    count = 0
    while min(session.health().pq_epoch for session, _ in sides) < 3:
        for sender, receiver in sides:
            sent = send(sender)
            if not sent.header.chunk.kind or sent.header.chunk.point % step != residue:
                receiver.decrypt(sent.message)
            count += 1
        assert count < 3 * 53 * 3


@pytest.mark.attack("A64", "A70")
@pytest.mark.parametrize("side", ["alice", "bob"])
def test_whoever_drops_all_chunks_of_one_side_is_found_out(side: str) -> None:
    """Nothing tells a session without post-quantum healing from a healing one but its figures: they must."""
    pair = make_pair().confirm()
    for _ in range(PQ_DUE_MESSAGES // 2):
        for sender, receiver in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
            sent = send(sender)
            if not sent.header.chunk.kind or getattr(pair, side) is not sender:
                receiver.decrypt(sent.message)
    assert pair.alice.health().pq_epoch == pair.bob.health().pq_epoch == 0
    assert pair.alice.health().pq_overdue or pair.bob.health().pq_overdue


# --- secrets ------------------------------------------------------------------------------------


def allowed(state: PqState) -> set[bytes]:
    """The post-quantum secrets that a state may hold: one, and in half of the phases none."""
    match state.phase:
        case Carrying(seed):
            return {seed.raw}
        case Ready(secret) | Answering(secret):
            return {secret.raw}
        case _:
            return set()


@pytest.mark.attack("A57", "A69")
@pytest.mark.parametrize("habit", [EVEN, Habit("AAB", loss=0.2, delay=0.3)], ids=["ping-pong", "lossy"])
def test_no_post_quantum_secret_outlives_its_phase(habit: Habit) -> None:
    """The seed is gone after decapsulation, the secret after mixing, and what ML-KEM shared is never kept."""
    kept = set()
    turns = habit.sides()
    with secrets_recorded() as made:
        talk = Talk(57)
        while talk.epoch < 3:
            talk.say(next(turns), habit)
            secrets: dict[bytes, type[SecretBytes]] = {
                raw: role for raw, role in made.items() if role in (KemSeed, KemSecret, PqSecret)
            }
            for side, session in talk.sessions.items():
                found = secrets_within(snapshot(session), secrets)
                assert found.keys() == allowed(talk.pq(side))
                kept |= set(found.values())
    assert kept == {KemSeed, PqSecret}
