"""The rules of docs/spec/sessions.md, one by one, and as a state machine under loss, reordering and lost state."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from adapters.peers import DAY, HOUR, START, Device, Saved, two_devices
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from peer_notes import PeerNotes
from peer_sessions import (
    LAST_INTERVAL,
    MAX_OLD_SESSIONS,
    MAX_UNCONFIRMED_SESSIONS,
    OLD_SESSION_LIFETIME,
    NoSession,
    ResetNotGranted,
)
from support.pair import reopened

from ratchetlib import AuthenticationError, PeerError, StateVersionUnsupported, TooManySkipped
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchetlib import Session

Pair = tuple[Device, Device]


@pytest.fixture
def pair() -> Pair:
    """Alice and Bob, with one confirmed session."""
    alice, bob = two_devices()
    assert bob.receive(alice.write(b"first")) == b"first"
    assert alice.receive(bob.write(b"answer")) == b"answer"
    return alice, bob


def report_broken(device: Device) -> None:
    peers = device.open()
    peers.report_broken()
    device.save(peers)


def require_doubling(device: Device) -> None:
    """Its resets came from two hours apart to a day apart."""
    gaps = [later - earlier for earlier, later in zip(device.resets, device.resets[1:], strict=False)]
    assert gaps[:4] == [2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR]
    assert set(gaps[4:]) == {LAST_INTERVAL}


def reset_by(device: Device, peer: Device) -> None:
    """One reset that arrives and is answered."""
    report_broken(device)
    message = device.reset()
    assert message is not None
    assert peer.receive(message) == b""
    assert device.receive(peer.write(b"answer")) == b"answer"


def live(device: Device) -> list[bytes]:
    return [entry.key for entry in device.saved.notes.entries if entry.live]


def agree(alice: Device, bob: Device) -> bool:
    return alice.sending is not None and alice.sending == bob.sending


# --- both begin at once -------------------------------------------------------------------------

CLOCKS = st.integers(-2, 2)


@pytest.mark.attack("A25")
@settings(max_examples=40)
@given(skew=CLOCKS, fates=st.lists(st.sampled_from(["arrives", "late", "lost", "twice"]), min_size=6, max_size=6))
def test_both_begin_at_once_and_agree_within_two_round_trips(skew: int, fates: Sequence[str]) -> None:
    alice, bob = two_devices()
    bob.clock += skew
    late: list[tuple[Device, bytes]] = []
    expected: dict[Device, list[bytes]] = {alice: [], bob: []}
    messages = [(sender, b"%d from " % n + sender.address) for n in range(3) for sender in (alice, bob)]
    written = [(sender, plaintext, sender.write(plaintext)) for sender, plaintext in messages]
    for (sender, plaintext, message), fate in zip(written, fates, strict=True):
        receiver = bob if sender is alice else alice
        if fate != "lost":
            expected[receiver].append(plaintext)
        if fate == "late":
            late.append((receiver, message))
        for _ in range({"arrives": 1, "twice": 2}.get(fate, 0)):
            receiver.receive(message)
    for receiver, message in reversed(late):
        receiver.receive(message)
    for _ in range(2):
        assert bob.receive(alice.write(b"there")) == b"there"
        assert alice.receive(bob.write(b"back")) == b"back"
    assert agree(alice, bob)
    for device in (alice, bob):
        assert len(live(device)) <= 2
        assert sorted(device.received) == sorted(expected[device] + [b"there" if device is bob else b"back"] * 2)


@pytest.mark.attack("A25")
def test_the_greater_of_two_sessions_begun_at_once_is_kept_to(pair: Pair) -> None:
    alice, bob = two_devices()
    bob.clock += 1
    from_alice, from_bob = alice.write(b"s"), bob.write(b"t")
    theirs = bob.sending
    assert bob.receive(from_alice) == b"s"
    assert alice.receive(from_bob) == b"t"
    assert alice.receive(bob.write(b"on s")) == b"on s"
    assert bob.receive(alice.write(b"on t")) == b"on t"
    assert alice.sending == bob.sending == theirs
    assert live(alice) == live(bob)
    assert pair


# --- the order of sessions ----------------------------------------------------------------------


def test_a_session_is_created_after_all_that_are_known(pair: Pair) -> None:
    alice, bob = pair
    alice.clock += 12 * HOUR
    reset_by(alice, bob)
    alice.clock -= 12 * HOUR
    reset_by(bob, alice)
    newest, *_ = alice.saved.notes.entries
    assert agree(alice, bob)
    assert newest.key == alice.sending
    assert newest.created_at == START + 12 * HOUR + 1


@pytest.mark.attack("A25")
def test_a_withheld_first_message_does_not_become_the_session_to_send_on() -> None:
    alice, bob = two_devices()
    withheld = alice.write(b"withheld")
    alice.clock += DAY
    bob.clock += DAY
    assert alice.receive(bob.write(b"later")) == b"later"
    assert bob.receive(alice.write(b"answer")) == b"answer"
    before = bob.sending
    assert bob.receive(withheld) == b"withheld"
    assert bob.sending == before


@pytest.mark.attack("A25")
def test_a_live_session_is_preferred_to_a_greater_one_that_nobody_has_answered(pair: Pair) -> None:
    alice, bob = pair
    (live_one,) = live(alice)
    report_broken(alice)
    assert alice.reset() is not None
    assert len(alice.saved.notes.entries) == 2
    assert alice.sending == live_one
    assert bob.receive(alice.write(b"on the live one")) == b"on the live one"


def test_an_unconfirmed_session_is_not_sent_on_after_its_bundle() -> None:
    alice, bob = two_devices()
    alice.write(b"never answered")
    alice.clock = START + 14 * DAY
    alice.write(b"still on the same")
    assert len(alice.saved.notes.entries) == 1
    alice.clock += 1
    peers = alice.open()
    with pytest.raises(NoSession):
        peers.encrypt(b"", now=alice.clock)
    assert peers.removed == set()
    bob.clock = alice.clock
    assert bob.receive(alice.begin(b"anew")) == b"anew"
    assert alice.receive(bob.write(b"answer")) == b"answer"
    assert agree(alice, bob)


def test_a_reply_to_a_first_message_that_was_read_late_is_received() -> None:
    alice, bob = two_devices()
    first = alice.write(b"first")
    bob.clock = START + 28 * DAY  # the end of the bundle and of its retention
    assert bob.receive(first) == b"first"
    reply = bob.write(b"reply")
    alice.clock = START + 35 * DAY
    assert alice.receive(reply) == b"reply"
    assert agree(alice, bob)


def test_an_unconfirmed_session_is_deleted_when_no_reply_can_come_any_more() -> None:
    alice, _ = two_devices()
    alice.write(b"never answered")
    peers = alice.open()
    peers.expire(START + 35 * DAY)
    assert peers.removed == set()
    peers.expire(START + 35 * DAY + 1)
    assert len(peers.removed) == 1
    assert peers.notes.entries == ()


# --- old sessions -------------------------------------------------------------------------------


@pytest.mark.attack("A55")
def test_an_old_session_receives_for_seven_days_and_is_then_deleted(pair: Pair) -> None:
    alice, bob = pair
    (old,) = live(bob)
    early, late, too_late = (alice.write(b"%d" % n) for n in range(3))
    for device in pair:
        device.clock += HOUR
    reset_by(alice, bob)
    bob.clock += OLD_SESSION_LIFETIME - 1
    assert bob.receive(early) == b"0"
    assert bob.receive(late) == b"1"
    bob.clock += 1
    peers = bob.open()
    with pytest.raises(AuthenticationError):
        peers.decrypt(too_late, now=bob.clock, prekeys=lambda: (bob.identity, bob.ring))
    assert peers.removed == {old}
    bob.save(peers)
    assert old not in bob.saved.sessions
    bob.clock -= OLD_SESSION_LIFETIME
    assert bob.receive(too_late) is None


@pytest.mark.attack("A55")
def test_three_old_sessions_are_kept_the_greatest(pair: Pair) -> None:
    alice, bob = pair
    keys = live(bob)
    for _ in range(6):
        for device in pair:
            device.clock += DAY
        reset_by(alice, bob)
        keys = [*live(bob)[:1], *keys]
        assert live(alice) == live(bob) == keys[: 1 + MAX_OLD_SESSIONS]
        assert set(bob.saved.sessions) == set(live(bob))


@pytest.mark.attack("A55")
def test_an_old_session_only_receives(pair: Pair) -> None:
    alice, bob = pair
    late = bob.write(b"late")
    for device in pair:
        device.clock += HOUR
    reset_by(alice, bob)
    before = alice.sending
    assert alice.receive(late) == b"late"
    assert alice.sending == before
    peers = alice.open()
    peers.encrypt(b"", now=alice.clock)
    assert set(peers.touched) == {before}


# --- resets -------------------------------------------------------------------------------------


@pytest.mark.attack("A53")
def test_a_thousand_failing_messages_cause_no_reset(pair: Pair) -> None:
    alice, bob = pair
    message = alice.write(b"to be damaged")
    for n in range(1000):
        damaged = bytearray(message)
        damaged[-1 - n % 200] ^= 1 + n % 255
        assert bob.receive(bytes(damaged)) is None
        assert bob.reset() is None
    assert bob.resets == []
    assert bob.receive(message) == b"to be damaged"


@pytest.mark.attack("A53")
def test_the_interval_doubles_from_one_hour_to_a_day_while_nothing_is_heard(pair: Pair) -> None:
    _, bob = pair
    report_broken(bob)
    for _ in range(100 * 60):
        bob.reset()
        bob.clock += 60
    require_doubling(bob)


@pytest.mark.attack("A53")
def test_one_reset_an_hour_even_if_each_is_answered(pair: Pair) -> None:
    alice, bob = pair
    for _ in range(10 * 60):
        report_broken(bob)
        message = bob.reset()
        if message is not None:
            alice.receive(message)
            assert bob.receive(alice.write(b"")) == b""
        alice.clock += 60
        bob.clock += 60
    gaps = [later - earlier for earlier, later in zip(bob.resets, bob.resets[1:], strict=False)]
    assert set(gaps) == {HOUR}


@pytest.mark.attack("A53")
def test_a_reset_must_have_been_saved_before_it_is_made(pair: Pair) -> None:
    alice, bob = pair
    peers = alice.open()
    peers.report_broken()
    assert peers.request_reset(START)
    with pytest.raises(ResetNotGranted):
        peers.begin(alice.identity, bob.bundle(), now=START)
    alice.save(peers)
    peers = alice.open()
    assert not peers.request_reset(START + 1)
    peers.begin(alice.identity, bob.bundle(), now=START + 1)
    with pytest.raises(ResetNotGranted):
        peers.begin(alice.identity, bob.bundle(), now=START + 1)
    alice.save(peers)
    with pytest.raises(ResetNotGranted):
        alice.begin()


@pytest.mark.attack("A53")
def test_a_clock_set_back_delays_a_reset_by_one_interval_only(pair: Pair) -> None:
    alice, _ = pair
    alice.clock += 400 * DAY
    peers = alice.open()
    peers.report_broken()
    assert peers.request_reset(alice.clock)
    peers.notes = replace(peers.notes, granted=False)  # as it is when the reset has been made
    alice.clock -= 400 * DAY
    assert not peers.request_reset(alice.clock)
    assert not peers.request_reset(alice.clock + 2 * HOUR - 1)
    assert peers.request_reset(alice.clock + 2 * HOUR)


@pytest.mark.attack("A53")
def test_a_reset_that_was_not_made_is_granted_again_now_and_then(pair: Pair) -> None:
    """As after a crash, or while the peer's server has no bundle: each try would take one."""
    alice, _ = pair
    report_broken(alice)
    granted = []
    for second in range(0, 3600, 10):
        peers = alice.open()
        if peers.request_reset(START + second):
            granted.append(second)
        alice.save(peers)
    assert granted == [0, 900, 2700]
    assert alice.saved.notes.unanswered == 1
    assert alice.saved.notes.last_reset == START
    peers = alice.open()
    assert not peers.request_reset(START - DAY), "the clock was set back"
    assert not peers.request_reset(START - DAY + 3599)
    assert peers.request_reset(START - DAY + 3600)
    days = [sum(peers.request_reset(START + day * DAY + hour * HOUR) for hour in range(24)) for day in range(9)]
    assert days == [3, *[1] * 8]


def pass_hours(number: int, *devices: Device) -> None:
    for device in devices:
        device.clock += number * HOUR


@pytest.mark.attack("A53")
def test_a_peer_who_answers_no_reset_but_writes_on_an_old_session_does_not_make_them_frequent(pair: Pair) -> None:
    alice, bob = pair
    report_broken(bob)
    for _ in range(36 * 24):
        bob.reset()  # alice takes none
        assert bob.receive(alice.write(b"on the old one")) == b"on the old one"
        assert len(bob.saved.sessions) <= 1 + MAX_UNCONFIRMED_SESSIONS
        pass_hours(1, alice, bob)
    require_doubling(bob)


@pytest.mark.attack("A53")
def test_three_sessions_that_nobody_has_answered_are_kept_the_greatest(pair: Pair) -> None:
    alice, bob = pair
    report_broken(bob)
    resets = []
    for _ in range(6):
        pass_hours(24, alice, bob)
        resets.append(bob.reset() or b"")
        newest, *_ = bob.saved.notes.entries
        assert newest.created_at == bob.clock
        assert len(bob.saved.notes.entries) <= 1 + MAX_UNCONFIRMED_SESSIONS
    assert alice.receive(resets[2]) == b""
    assert bob.receive(alice.write(b"on one that is gone")) is None
    assert alice.receive(resets[3]) == b""
    assert bob.receive(alice.write(b"on one that is kept")) == b"on one that is kept"


@pytest.mark.attack("A53")
def test_a_recorded_message_causes_no_second_reset(pair: Pair) -> None:
    alice, bob = pair
    for _ in range(1002):
        recorded = alice.write(b"")
    assert bob.receive(recorded) is None
    healing = bob.reset()
    assert healing is not None
    assert bob.receive(recorded) is None, "while the reset is under way"
    assert alice.receive(healing) == b""
    assert bob.receive(alice.write(b"healed")) == b"healed"
    assert bob.saved.notes.broken is None
    for _ in range(7 * 24 - 1):
        pass_hours(1, alice, bob)
        assert bob.receive(recorded) is None
        assert bob.reset() is None


def test_a_reset_outranks_a_session_that_was_given_up_and_begun_by_a_fast_clock(pair: Pair) -> None:
    alice, bob = pair
    bob.clock += 12 * HOUR
    reset_by(bob, alice)
    bob.clock -= 12 * HOUR
    alice.saved = Saved(alice.saved.notes.abandoned())
    report_broken(alice)
    healing = alice.reset()
    assert healing is not None
    assert bob.receive(healing) == b""
    assert alice.receive(bob.write(b"understood")) == b"understood"
    assert alice.saved.notes.broken is None


def test_a_reset_is_not_created_so_far_ahead_that_the_peer_refuses_it(pair: Pair) -> None:
    alice, bob = pair
    report_broken(alice)
    alice.clock += 5 * DAY
    assert alice.reset() is not None  # bob will refuse it
    alice.clock -= 5 * DAY
    report_broken(alice)
    assert alice.reset() is None
    pass_hours(4, *pair)
    healing = alice.reset()
    assert healing is not None
    assert bob.receive(healing) == b""
    assert alice.receive(bob.write(b"understood")) == b"understood"
    assert alice.saved.notes.broken is None


@pytest.mark.attack("A55")
def test_an_old_session_of_a_fast_clock_is_deleted_a_week_after_the_clock_was_put_right(pair: Pair) -> None:
    alice, bob = pair
    reset_by(alice, bob)
    ((old,), current) = (live(alice)[1:], alice.sending)
    alice.saved.notes = replace(
        alice.saved.notes,
        entries=tuple(
            replace(entry, since=START + 400 * DAY) if entry.key == old else entry
            for entry in alice.saved.notes.entries
        ),
    )
    peers = alice.open()
    peers.expire(START + HOUR)
    alice.save(peers)
    peers.expire(START + HOUR + OLD_SESSION_LIFETIME)
    alice.save(peers)
    assert live(alice) == [current]


def test_notes_of_a_newer_program_are_refused_as_such(pair: Pair) -> None:
    notes = json.loads(pair[0].saved.notes._to_state())
    entry = notes["entries"][0]
    for other in (
        notes | {"unheard_of": 1},
        notes | {"entries": [entry | {"unheard_of": 1}]},
        {key: value for key, value in notes.items() if key != "entries"},
        notes | {"entries": [{}]},
    ):
        with pytest.raises(StateVersionUnsupported):
            PeerNotes._from_state(Reader(json.dumps(other).encode(), ValueError))  # type: ignore[arg-type]


def test_a_conversation_stays_broken_until_a_later_session_lives(pair: Pair) -> None:
    alice, bob = pair
    late = bob.write(b"late")
    report_broken(alice)
    lost = alice.reset()
    assert lost is not None
    assert alice.receive(late) == b"late"
    assert alice.saved.notes.broken is not None
    alice.clock += 2 * HOUR
    again = alice.reset()
    assert again is not None
    assert bob.receive(again) == b""
    assert alice.receive(bob.write(b"whole")) == b"whole"
    assert alice.saved.notes.broken is None
    assert alice.reset() is None


def test_the_first_message_of_a_lost_session_created_by_a_fast_clock_needs_a_person_and_the_clocks(pair: Pair) -> None:
    """The limit that peers.md tells of: Bob sends on a session that Alice does not have, and nothing tells her."""
    alice, bob = pair
    for device in pair:
        device.saved = Saved()
    alice.clock += 12 * HOUR
    withheld = alice.write(b"withheld")
    alice.clock -= 12 * HOUR
    alice.saved = Saved()
    assert bob.receive(alice.write(b"anew")) == b"anew"
    assert alice.receive(bob.write(b"answer")) == b"answer"
    assert bob.receive(withheld) == b"withheld"
    assert alice.receive(bob.write(b"not understood")) is None
    report_broken(alice)
    for _ in range(36):
        message = alice.reset()
        if message is not None:
            assert bob.receive(message) == b""
        if alice.receive(bob.write(b"understood?")) is not None:
            break
        alice.clock += HOUR
        bob.clock += HOUR
    assert alice.clock > START + 12 * HOUR
    assert agree(alice, bob)
    assert alice.saved.notes.broken is None


def test_what_heals_by_a_reset_only_says_so(pair: Pair) -> None:
    alice, bob = pair
    for _ in range(1002):
        message = alice.write(b"")
    peers = bob.open()
    with pytest.raises(TooManySkipped):
        peers.decrypt(message, now=bob.clock, prekeys=lambda: (bob.identity, bob.ring))
    assert bob.receive(message) is None
    healing = bob.reset()
    assert healing is not None
    assert alice.receive(healing) == b""
    assert bob.receive(alice.write(b"heard again")) == b"heard again"


# --- everything at once -------------------------------------------------------------------------


class Conversation(RuleBasedStateMachine):
    """Two devices write, and the network loses, repeats and reorders.

    Clocks differ, and are wrong for a time. State is lost, restored or given up. Identities are renewed, and first
    messages under a new one refused until a person has compared.
    """

    who = st.sampled_from([0, 1])
    place = st.integers(0, 50)

    @initialize(skew=st.integers(-12, 12))
    def meet(self, skew: int) -> None:
        self.devices = two_devices()
        self.devices[1].clock += skew * HOUR
        self.under_way: tuple[list[bytes], list[bytes]] = ([], [])
        self.snapshots = [device.snapshot() for device in self.devices]
        self.renewing: dict[Device, set[bytes]] = {}
        self.ahead = [0, 0]
        self.restored = False
        self.count = 0

    @rule(who=who, number=st.sampled_from([1, 1, 1, 2, 1001]))
    def write(self, who: int, number: int) -> None:
        device = self.devices[who]
        message = self._write(device)
        if message is None:
            return
        if number > 1:
            peers = device.open()
            for _ in range(number):
                message = peers.encrypt(self._next(), now=device.clock)
            device.save(peers)
        self.under_way[1 - who].append(message)  # of very many, only the last

    def _write(self, device: Device) -> bytes | None:
        with suppress(PeerError):  # the peer's bundle is refused
            return device.write(self._next())
        return None

    def _next(self) -> bytes:
        self.count += 1
        return b"%d" % self.count

    @precondition(lambda self: any(self.under_way))
    @rule(who=who, place=place, keep=st.booleans())
    def arrive(self, who: int, place: int, *, keep: bool) -> None:
        waiting = self.under_way[who]
        if waiting:
            at = place % len(waiting)
            self.devices[who].receive(waiting[at] if keep else waiting.pop(at))

    @rule(who=who, place=place)
    def lose(self, who: int, place: int) -> None:
        waiting = self.under_way[who]
        if waiting:
            del waiting[place % len(waiting)]

    @rule(who=who)
    def look_after(self, who: int) -> None:
        message = self._reset(self.devices[who])
        if message is not None:
            self.under_way[1 - who].append(message)

    def _reset(self, device: Device) -> bytes | None:
        """Now and then, by the application; for a new identity until a session was begun under it."""
        old = self.renewing.get(device)
        if old is not None and {entry.key for entry in device.saved.notes.entries} - old:
            old = None
            del self.renewing[device]
        with suppress(PeerError):
            return device.reset(anyway=old is not None)
        return None

    @rule(seconds=st.sampled_from([1, 60, HOUR, DAY, 8 * DAY, 20 * DAY]))
    def pass_time(self, seconds: int) -> None:
        for device in self.devices:
            device.clock += seconds

    @rule(resets_arrive=st.booleans(), writes=st.booleans())
    def pass_days(self, *, resets_arrive: bool, writes: bool) -> None:
        """Two days of hours in each of which both look after it, and may write; whatever else is lost."""
        before = [len(device.resets) for device in self.devices]
        for _ in range(48):
            for sender, receiver in (self.devices, self.devices[::-1]):
                reset = self._reset(sender)
                if reset is not None and resets_arrive:
                    receiver.receive(reset)
                message = self._write(sender) if writes and sender.sending is not None else None
                if message is not None:
                    receiver.receive(message)
            self.pass_time(HOUR)
        for device, made in zip(self.devices, before, strict=True):
            assert len(device.resets) - made <= (LIVELY if resets_arrive and writes else DULL)

    @rule(who=who, hours=st.integers(-48, 120))
    def set_clock(self, who: int, hours: int) -> None:
        self.devices[who].clock += (hours - self.ahead[who]) * HOUR
        self.ahead[who] = hours

    @rule(who=who)
    def back_up(self, who: int) -> None:
        self.snapshots[who] = self.devices[who].snapshot()

    @rule(who=who)
    def restore(self, who: int) -> None:
        """The application has no anchor and is told by a person."""
        self._return_with(who, self.snapshots[who].notes, self.snapshots[who].sessions)

    @rule(who=who, old=st.booleans())
    def give_up(self, who: int, *, old: bool) -> None:
        """As the store does it with records that it refuses."""
        notes = self.snapshots[who].notes if old else self.devices[who].saved.notes
        self.devices[who].saved = Saved(notes.abandoned())
        self.restored = True

    @rule(who=who)
    def lose_all(self, who: int) -> None:
        self._return_with(who, PeerNotes(), {})

    @rule(who=who, installed=st.booleans())
    def renew(self, who: int, *, installed: bool) -> None:
        """A planned new identity, or another installation."""
        device = self.devices[who]
        device.renew()
        if installed:
            device.saved = Saved()
            self.snapshots[who] = Saved()
            self.renewing.pop(device, None)
        else:
            self.renewing[device] = {entry.key for entry in device.saved.notes.entries}
        self.restored = True

    @rule(who=who)
    def compare(self, who: int) -> None:
        device, presented = self.devices[who], self.devices[1 - who].identity.public
        peers = device.open()
        if peers.identity is not None and peers.identity != presented:
            peers.repin(presented)
            device.save(peers)

    def _return_with(self, who: int, notes: PeerNotes, sessions: dict[bytes, Session]) -> None:
        device = self.devices[who]
        device.saved = Saved(notes, {key: reopened(session) for key, session in sessions.items()})
        report_broken(device)
        self.restored = True

    @invariant()
    def little_is_kept(self) -> None:
        for device in getattr(self, "devices", ()):
            assert set(device.saved.sessions) == {entry.key for entry in device.saved.notes.entries}
            assert len(live(device)) <= 1 + MAX_OLD_SESSIONS
            assert len(device.saved.sessions) - len(live(device)) <= MAX_UNCONFIRMED_SESSIONS
            texts = [text for text in device.received if text]  # that of a reset is empty
            assert self.restored or len(texts) == len(set(texts))

    def teardown(self) -> None:
        """The network delivers, clocks are right, people compare: a month later at the latest all is well."""
        if not hasattr(self, "devices"):
            return
        alice, bob = self.devices
        for who in (0, 1):
            self.set_clock(who, 0)
        for _ in range(30):
            self.compare(0)
            self.compare(1)
            if self._speak(alice, bob) & self._speak(bob, alice) and agree(alice, bob):
                break
            self.pass_time(DAY)
        else:
            raise AssertionError("a wedged session survived a month")
        assert self._speak(alice, bob)
        assert self._speak(bob, alice)
        assert agree(alice, bob)

    def _speak(self, sender: Device, receiver: Device) -> bool:
        reset = self._reset(sender)
        if reset is not None:
            receiver.receive(reset)
        plaintext = self._next()
        with suppress(PeerError):
            return receiver.receive(sender.write(plaintext)) == plaintext
        return False


LIVELY, DULL = 50, 12
"""Resets in two days: one an hour if each is answered and something breaks again; else of either doubling no more than
eight on the first day, and a few where another one begins."""

EXAMPLES = 2_000 if os.environ.get("RATCHETLIB_DEEP") else 40
Conversation.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=50, deadline=None)
test_no_wedged_session_survives = pytest.mark.attack("A25", "A53")(Conversation.TestCase)
