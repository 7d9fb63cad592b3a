"""The state machine: what Hypothesis may do to the world, and what must hold after each step.

The numbers of the invariants are those of `table.INVARIANTS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final
from unittest.mock import patch

import nacl.bindings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from properties import model, model_pq
from properties.bounds import GENUINE, Bounds
from properties.devices import MALLORY
from properties.invariants import INVARIANTS
from properties.model import WEAK_KEYS, Header, Letter
from properties.runs import EVENTS, STEPS
from properties.sides import InLockstep
from properties.tamper import ALTERATIONS, unharmed
from properties.world import DEMANDS, World
from support.pair import NOW

from ratchetlib.limits import DAY
from ratchetlib.primitives import random as _random

if TYPE_CHECKING:
    from collections.abc import Callable

    from properties.devices import Device, Record
    from properties.events import Outcome
    from properties.sides import Sides
    from properties.world import Demands

    from ratchetlib import Session

NEWEST: Final = 16
MAX_COPIES: Final = 3
MAX_BACKUPS: Final = 2
MAX_BUNDLES_MADE: Final = 3
LONGEST_WAIT: Final = 60 * DAY
"""What one run holds at most: enough for everything to meet everything."""

picks = st.integers(0, 2**8 - 1)
_wide = st.integers(0, 2**20 - 1)
_sizes = st.sampled_from([0, 1, 10, 63, 64, 200])
_data = st.sampled_from([b"", b"", b"", b"seat 12", b"another"])
_seldom = st.sampled_from([False, False, False, True])
_mostly = st.sampled_from([True, True, True, False])


def _numbers(bounds: Bounds, current: int) -> list[int]:
    skip, length = bounds.skip, bounds.length
    return [0, current + 1, current + skip, current + skip + 1, length - 1, length, length + 1, 2**31, 2**32 - 1]


class Conversations(RuleBasedStateMachine):
    """Everything at once, under the genuine bounds.

    Attributes:
        BOUNDS: of the library, the model and the reference.
        SIDES: whether the reference goes along.
        MAX_HANDSHAKES: in one example.
        MAX_RECORDS: sessions in one example, their copies included.
        INVARIANTS: what is checked after each step.
        EXAMPLES: how many a run has.
        WARM_UP: turns of talk before the first step; one of the eight.
        COUNTED: its steps enter the figures.
    """

    BOUNDS: ClassVar[Bounds] = GENUINE
    SIDES: ClassVar[type[Sides]] = InLockstep
    MAX_HANDSHAKES: ClassVar[int] = 4
    MAX_RECORDS: ClassVar[int] = 8
    INVARIANTS: ClassVar[tuple[Callable[[World], None], ...]] = INVARIANTS
    EXAMPLES: ClassVar[int] = 360
    COUNTED: ClassVar[bool] = True
    WARM_UP: ClassVar[list[int]] = [0, 0, 0, 1, 6, 13, 26, 39]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.BOUNDS, self.SIDES())
        self.backups = 0

    def teardown(self) -> None:
        self.world.close()

    @initialize(turns=st.deferred(lambda: st.integers(0, 7)), item=st.none() | st.integers(0, 1))
    def begin(self, turns: int, item: int | None) -> None:
        """Alice has written, Bob has answered, and they have gone on for so many turns."""
        world = self.world
        world.initiate(world.alice, world.bob, item=item)
        first = world.send(world.records[0], b"first")
        if first is None:
            raise AssertionError("the first message was refused")
        world.accept(world.bob, unharmed(first))
        self._talk(0, self.WARM_UP[turns])

    # --- what can happen ------------------------------------------------------------------------

    @rule(who=picks, size=_sizes, data=_data, timed=st.booleans())
    def send(self, who: int, size: int, data: bytes, *, timed: bool) -> None:
        self._begin_step()
        self.world.send(self._record(who), bytes([who]) * size, data, timed=timed)

    @rule(who=picks, times=st.integers(1, 7))
    def send_many(self, who: int, times: int) -> None:
        """A burst; what the network loses of it is never delivered."""
        self._begin_step()
        for turn in range(times):
            self.world.send(self._record(who), bytes([turn]))

    @rule(pick=picks)
    def deliver_new(self, pick: int) -> None:
        """One that nobody has read: in order, or not."""
        self._begin_step()
        self._arrive(self._unread(pick))

    @rule(pick=picks)
    def deliver_any(self, pick: int) -> None:
        """Any that was ever sent: late, again, or for the first time."""
        self._begin_step()
        self._arrive(self._letter(pick))

    @rule(pick=picks, turns=st.integers(1, 6), losses=st.just(0) | st.integers(0, 2**12 - 1))
    def talk(self, pick: int, turns: int, losses: int) -> None:
        self._begin_step()
        self._talk(pick, turns, losses)

    @rule(pick=picks)
    def answer(self, pick: int) -> None:
        """The newest letter arrives, and whoever reads it answers; the answer stays on the network."""
        self._begin_step()
        letter = self._letter(pick, among=2)
        self._arrive(letter)
        for record in self.world.receivers(letter)[:1]:
            self.world.send(record, b"answer")

    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        """A letter that somebody has read comes once more."""
        self._begin_step()
        readers = [record for record in self.world.records if record.read]
        record = readers[pick % len(readers)]
        read = sorted(record.read)
        self.world.deliver(record, unharmed(self.world.letters[read[-1 - pick % len(read)]]), action="repeat")

    @rule(pick=picks, other=picks, how=st.sampled_from(ALTERATIONS), draw=_wide, new=st.booleans())
    def tamper(
        self, pick: int, other: int, how: Callable[[Letter, Letter, int], model.Envelope], draw: int, *, new: bool
    ) -> None:
        """A letter arrives changed: a bit, its length, its parts, its prefix."""
        self._begin_step()
        letter = self._unread(pick) if new else self._letter(pick)
        envelope = how(letter, self._letter(other), draw)
        receivers = self.world.receivers(envelope.letter)
        if receivers:
            self.world.deliver(receivers[pick % len(receivers)], envelope, action="tamper")
        else:
            self.world.accept(self.world.address_of(envelope.letter), envelope)

    @rule(pick=picks, who=picks)
    def misdeliver(self, pick: int, who: int) -> None:
        """A letter comes back to its sender or into another session."""
        self._begin_step()
        letter = self._letter(pick, among=6)
        receivers = self.world.receivers(letter)
        others = [record for record in self.world.records if record not in receivers]
        self.world.deliver(others[who % len(others)], unharmed(letter), action="misdeliver")

    @rule(pick=picks, wrong=_mostly, limit=st.sampled_from([0, 5]))
    def misread(self, pick: int, limit: int, *, wrong: bool) -> None:
        """The receiver passes other associated data, or takes only short plaintexts."""
        self._begin_step()
        letter = self._unread(pick, delivered=True)
        for record in self.world.receivers(letter)[:1]:
            change = {"associated_data": b"seat 13"} if wrong else {"max_plaintext": limit}
            self.world.deliver(record, unharmed(letter), action="misread", **change)

    @rule(who=picks, what=st.integers(0, 5), value=picks, next_chain=_seldom, arrives=_mostly)
    def forge(self, who: int, what: int, value: int, *, next_chain: bool, arrives: bool) -> None:
        """A peer with hostile software says what it likes in an authentic header."""
        self._begin_step()
        record = self._record(who)
        if record.model.ratchet.sending is None:
            self.world.send(record, b"opens a chain")
        letter = self.world.forge(record, self._lie(record, what, value), next_chain=next_chain)
        if letter is not None and arrives:
            for receiver in self.world.receivers(letter)[:1]:
                self.world.deliver(receiver, unharmed(letter), action="forged")

    @rule(who=picks)
    def forget(self, who: int) -> None:
        self._begin_step()
        self.world.forget(self._record(who))

    @rule(who=picks, how=st.integers(0, 2))
    def send_in_vain(self, who: int, how: int) -> None:
        self._begin_step()
        self.world.send_in_vain(self._record(who), _VAIN[how])

    # --- storage --------------------------------------------------------------------------------

    @rule(who=picks)
    def save(self, who: int) -> None:
        self._begin_step()
        self.world.save(self._record(who))

    @rule(who=picks, saved=st.sampled_from([True, True, True, True, True, False]))
    def restart(self, who: int, *, saved: bool) -> None:
        """Without a save it is a breach of the order: what was sent since the last one is forgotten."""
        self._begin_step()
        record = self._record(who)
        if saved:
            self.world.save(record)
        self.world.crash(record)

    @rule(who=picks)
    def crash_while_sending(self, who: int) -> None:
        """In the right order: the message never left."""
        self._begin_step()
        record = self._record(who)
        self.world.save(record)
        self.world.send(record, b"never sent", lost=True)
        self.world.crash(record)

    @rule(pick=picks)
    def crash_while_receiving(self, pick: int) -> None:
        """In the right order: the message was not acknowledged, so it comes again."""
        self._begin_step()
        letter = self._unread(pick, delivered=True)
        for record in self.world.receivers(letter)[:1]:
            self.world.save(record)
            self.world.deliver(record, unharmed(letter))
            self.world.crash(record)
            self.world.deliver(record, unharmed(letter), action="deliver again")

    @precondition(lambda self: self.backups < MAX_BACKUPS)
    @rule(who=picks, choice=picks, fork=st.booleans())
    def restore_backup(self, who: int, choice: int, *, fork: bool) -> None:
        """On the same machine, which goes back in time; or on a second one, so that two go on."""
        self._begin_step()
        record = self._record(who)
        self.backups += 1
        copies = [other for other in self.world.records if other.model.handshake == record.model.handshake]
        if fork and len(copies) < MAX_COPIES:
            self.world.fork(record)
        else:
            self.world.roll_back(record, choice)

    # --- handshakes -----------------------------------------------------------------------------

    @precondition(lambda self: self._handshakes < self.MAX_HANDSHAKES)
    @rule(
        way=st.sampled_from([(0, 1), (1, 0), (0, 1), (1, 0), (2, 1)]),
        item=st.none() | st.integers(0, 1),
        older=st.integers(0, 1),
        skew=st.sampled_from([0, 0, 0, DAY - 1, 2 * DAY, 13 * DAY]),
        impostor=st.booleans(),
        demands=st.sampled_from(DEMANDS),
    )
    def initiate(
        self, way: tuple[int, int], item: int | None, older: int, skew: int, demands: Demands, *, impostor: bool
    ) -> None:
        """Anew, or crossing; with a used item, an old bundle, a clock that is ahead, demands; or by Mallory."""
        self._begin_step()
        device, peer = (self.world.devices[place] for place in way)
        claimed = self.world.alice if device.address == MALLORY and impostor else None
        self.world.initiate(device, peer, item=item, older=older, claimed=claimed, skew=skew, demands=demands)
        if self.world.events[-1].outcome is None:
            self.world.send(self.world.records[-1], b"hello")

    @rule(pick=picks, what=st.integers(0, 5))
    def prekeys(self, pick: int, what: int) -> None:
        """What befalls a ring: a replay, a crash before its save (repaired or not), its save, rotation, time."""
        self._begin_step()
        device = self.world.devices[pick % 2]
        (
            lambda: self._accept_again(pick),
            lambda: self.world.lose_ring_save(device),
            lambda: self._lose_ring_save_and_settle(device),
            lambda: self.world.save_ring(device),
            lambda: self.world.rotate(device) if len(device.published) < MAX_BUNDLES_MADE else None,
            lambda: self._wait([1, 5, 14, 29][pick // 2 % 4] * DAY),
        )[what]()

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def the_invariants_hold(self) -> None:
        for holds in self.INVARIANTS:
            holds(self.world)
        for event in self.world.events if self.COUNTED else ():
            EVENTS[f"{event.action}: {_told(event.outcome)}"] += 1
        self.world.events.clear()

    # --- parts ----------------------------------------------------------------------------------

    def _begin_step(self) -> None:
        if self.COUNTED:
            STEPS[type(self).__name__] += 1

    def _accept_again(self, pick: int) -> None:
        """An initial message is given to the ring although a session may know it."""
        initial = [letter for letter in self.world.letters if letter.initial]
        letter = initial[-1 - pick % len(initial)]
        if len(self.world.records) < self.MAX_RECORDS:
            self.world.accept(self.world.address_of(letter), unharmed(letter))

    def _lose_ring_save_and_settle(self, device: Device) -> None:
        self.world.lose_ring_save(device)
        for record in self.world.records:
            letter = next((each for each in self.world.letters if record.model.recognises(unharmed(each))), None)
            if record.device is device and letter is not None:
                self.world.settle(record, letter)

    def _wait(self, seconds: int) -> None:
        if self.world.now < NOW + LONGEST_WAIT:
            self.world.now += seconds

    @property
    def _handshakes(self) -> int:
        return len({record.model.handshake for record in self.world.records})

    def _peers(self, record: Record) -> list[Record]:
        there = [other for other in self.world.records if other.model.handshake == record.model.handshake]
        return [other for other in there if other.model.initiator != record.model.initiator]

    def _record(self, pick: int) -> Record:
        return self.world.records[pick % len(self.world.records)]

    def _letter(self, pick: int, among: int | None = None) -> Letter:
        letters = self.world.letters
        return letters[-1 - pick % min(len(letters), among or len(letters))]

    def _unread(self, pick: int, *, delivered: bool = False) -> Letter:
        """One of the newest that nobody has read, and, at will, that a session is there for; else any such."""
        newest = self.world.letters[-NEWEST:]
        if delivered:
            newest = [letter for letter in newest if self.world.receivers(letter)] or newest
        read = frozenset[int]().union(*(record.read for record in self.world.records))
        among = [letter for letter in newest if letter.name not in read] or newest
        return among[pick % len(among)]

    def _arrive(self, letter: Letter) -> None:
        """As an application would: to the session that it is for, else to the ring, else to any session there."""
        receivers = self.world.receivers(letter)
        if receivers:
            self.world.deliver(receivers[letter.name % len(receivers)], unharmed(letter))
        elif len(self.world.records) < self.MAX_RECORDS:
            self.world.accept(self.world.address_of(letter), unharmed(letter))

    def _talk(self, pick: int, turns: int, losses: int = 0) -> None:
        """One side writes and the other answers; the bits of `losses` say which messages the network keeps back."""
        record = self._record(pick)
        for turn in range(turns):
            kept_back = losses >> 2 * turn
            letter = self.world.send(record, b"question")
            if letter is None:
                return
            if not kept_back & 1:
                self._arrive(letter)
            for other in self.world.receivers(letter)[:1]:
                answer = self.world.send(other, b"answer")
                if answer is not None and not kept_back & 2:
                    self.world.deliver(record, unharmed(answer))

    def _lie(self, record: Record, what: int, value: int) -> Callable[[Header], Header]:
        state, bounds = record.model.ratchet, self.BOUNDS
        ratchet_keys = [*WEAK_KEYS, state.peer_key, ("ratchet key", -1 - value)]
        ratchet_keys += [chain.ratchet_key for chain in state.chains]
        # The liar's own, as far back as its peer remembers them: a new chain may have none of them either.
        ratchet_keys += [chain.ratchet_key for peer in self._peers(record) for chain in peer.model.ratchet.chains]

        def change(header: Header) -> Header:
            numbers = _numbers(bounds, header.number)
            return [
                header._replace(number=numbers[value % len(numbers)]),
                header._replace(previous_length=numbers[value % len(numbers)]),
                header._replace(ratchet_key=ratchet_keys[value % len(ratchet_keys)]),
                header._replace(pq_epoch=[header.pq_epoch + 1, header.pq_epoch + 2, 2**32 - 1, 0][value % 4]),
                header._replace(chunk=_false_chunk(record, value)),
                header,
            ][what]

        return change


def _false_chunk(record: Record, value: int) -> model_pq.Chunk:
    """Mostly of the right kind, at an index that the peer has or lacks; else one that nobody may send."""
    ratchet = record.model.ratchet
    owns = ratchet.initiator == ((ratchet.sending.pq_epoch if ratchet.sending else 0) % 2 == 0)
    right, wrong = (model_pq.KEY, model_pq.CIPHERTEXT) if owns else (model_pq.CIPHERTEXT, model_pq.KEY)
    kind = [right, right, right, right, wrong, 3, model_pq.NONE][value % 7]
    index = [ratchet.pq.at, max(0, ratchet.pq.at - 1), 0, 63, 64, 255][value // 7 % 6]
    return model_pq.Chunk(kind, index, ("false stream", value % 3))


def _told(outcome: Outcome) -> str:
    return outcome.__name__ if isinstance(outcome, type) else "done" if outcome is None else "a plaintext or message"


def _with_a_stuck_source(session: Session) -> object:
    with (
        patch("ratchetlib.primitives.random._source", type(_random._source)()),
        patch.object(nacl.bindings, "randombytes", bytes),
    ):
        return session.encrypt(b"in vain")


CHUNKS: Final = 4
"""The place of the chunk among the lies of `forge`."""

_VAIN: Final[tuple[Callable[[Session], object], ...]] = (
    lambda session: session.encrypt("text"),  # type: ignore[arg-type]
    lambda session: session.encrypt(b"", associated_data=bytes(2**16 + 1)),
    _with_a_stuck_source,
)
