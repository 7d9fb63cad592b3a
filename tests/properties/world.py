"""Devices, their rings, sessions and storage, and the network between them: one method for each thing that can happen.

Every method acts on the library and on the model alike and records an `Event`. Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import nacl.bindings
from properties import model, model_handshake, model_pq
from properties.bounds import GENUINE, Bounds, applied
from properties.model import Envelope, Header, Letter, Sealed, SessionModel
from properties.model_handshake import Bundle, Handshake, Item, Ring
from properties.observe import Calls, Ledger, Spies
from properties.refusal import Refused
from properties.sides import InLockstep
from properties.tamper import HEADER_NONCE, unharmed
from properties.terms import Terms, message_key
from support.anchors import MemoryAnchor
from support.pair import ALICE, BOB, NOW

from ratchetlib import (
    BundleRejected,
    IdentityKeyPair,
    PrekeyBundle,
    PrekeyRing,
    RatchetError,
    Session,
    SessionExpired,
    StateRolledBack,
    StateVault,
    UnsafeNoRollbackProtection,
)
from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.limits import MAX_BUNDLE_LIFETIME, MAX_PLAINTEXT
from ratchetlib.padding import Padme, pad
from ratchetlib.primitives import dh, seal
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.ratchet.header import Header as RealHeader
from ratchetlib.ratchet.header import open_header, seal_header
from ratchetlib.ratchet.pq.chunks import Chunk as RealChunk
from ratchetlib.session.message import join, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from properties.sides import Side, Sides

    from ratchetlib.prekeys.contents import RingContents

Outcome: TypeAlias = bytes | type[RatchetError] | None
"""A plaintext, a condition, or that the call returned."""

MALLORY = b"mallory/server"
ITEMS = 2
_WEAK = {
    ("weak key", "zero"): bytes(32),
    ("weak key", "order 8"): bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ("weak key", "not canonical"): b"\xff" * 32,
}


class Saved(NamedTuple):
    """A blob on the disk, and what it holds."""

    blob: bytes
    digest: bytes
    model: SessionModel
    read: frozenset[int]
    generation: int


@dataclass(eq=False)
class Record:
    """One live copy of one side of a session, with its place in storage.

    Attributes:
        device: whose it is.
        side: the library's session, or that and its twin.
        model: what it must be.
        read: the letters that it has decrypted, as far as its state can know.
        saved: its blobs, oldest first.
        anchor: its memory of generations.
    """

    device: Device
    side: Side
    model: SessionModel
    read: frozenset[int] = frozenset()
    saved: list[Saved] = field(default_factory=list)
    anchor: MemoryAnchor = field(default_factory=MemoryAnchor)

    @property
    def session(self) -> Session:
        return self.side.real

    @property
    def context(self) -> dict[str, Any]:
        return {"kind": Session, "owner": self.device.address, "peer": b"peer " + self.session.session_id}


@dataclass(eq=False)
class Device:
    """A device.

    Attributes:
        published: its signed bundles on the server, oldest first.
        items: its one-time items on the server, used or not: a hostile server hands them out again.
        ring_saved: the ring on the disk.
    """

    address: bytes
    identity: IdentityKeyPair
    ring: PrekeyRing
    ring_model: Ring
    published: list[tuple[bytes, Bundle]]
    items: list[tuple[bytes, Item]]
    ring_saved: tuple[bytes, Ring] = (b"", Ring((), frozenset()))


@dataclass
class Event:
    """One thing that has happened.

    Attributes:
        action: what.
        expected: what the model says of it.
        outcome: what the library did.
        before: the state before it, as it would be sealed.
        after: the state after it.
        record: the session, if one was at work.
        device: the device, if its ring was at work.
        envelope: what arrived.
        letter: what was sent.
        header: the sent message's, in clear.
        calls: of primitives.
        was_read: the session had decrypted this letter before.
        earlier: the session's model before it.
        sends_on: the session has an open sending chain after it.
        closed: of the newest closed chain after it, what is skipped and `evicted_below`.
        opens_elsewhere: the sent header opens under a header key that is not its own.
    """

    action: str
    expected: Outcome = None
    outcome: Outcome = None
    before: bytes = b""
    after: bytes = b""
    record: Record | None = None
    device: Device | None = None
    envelope: Envelope | None = None
    letter: Letter | None = None
    header: RealHeader | None = None
    calls: Calls = field(default_factory=Calls)
    was_read: bool = False
    earlier: SessionModel | None = None
    sends_on: bool = False
    closed: tuple[set[int], int] | None = None
    opens_elsewhere: bool = False


def attempt(call: Callable[[], Any]) -> Outcome:
    """What a call of the library comes to. Anything that is no `RatchetError` climbs on."""
    try:
        result = call()
    except RatchetError as error:
        return type(error)
    return result if isinstance(result, bytes) else None


class World:
    """Three devices: two that talk, and one that is up to something.

    Attributes:
        bounds: of this run.
        letters: everything ever sent, oldest first: the network forgets nothing.
        records: the live sessions.
        now: the time.
        events: since they were last cleared.
        ledger: which bytes are which term.
        used: key and nonce of everything ever sealed by the library in honest use.
        doubled: those that came twice.
    """

    def __init__(self, bounds: Bounds = GENUINE, sides: Sides | None = None) -> None:
        self.bounds = bounds
        self.sides = sides or InLockstep()
        self.terms = Terms()
        self.ledger = Ledger()
        self.spies = Spies()
        self.now = NOW
        self.letters: list[Letter] = []
        self.records: list[Record] = []
        self.events: list[Event] = []
        self.used: set[tuple[bytes, bytes]] = set()
        self.doubled: list[tuple[bytes, bytes]] = []
        self._vault = StateVault({b"key": bytes(range(32))}, current=b"key")
        self._bounded = applied(bounds)
        self._bounded.__enter__()
        self.spies.install()
        self.devices = [self._device(address, *stock) for address, stock in _stock().items()]
        self.alice, self.bob, self.mallory = self.devices

    def close(self) -> None:
        self.spies.remove()
        self._bounded.__exit__(None, None, None)

    # --- handshakes -----------------------------------------------------------------------------

    def initiate(
        self,
        device: Device,
        peer: Device,
        *,
        item: int | None = None,
        older: int = 0,
        claimed: Device | None = None,
        skew: int = 0,
    ) -> None:
        """Begin a session with what a server hands out.

        Args:
            device: who begins.
            peer: with whom.
            item: which one-time item the server hands out, used or not; None for none.
            older: how many bundles before the newest.
            claimed: whose address an impostor uses.
            skew: how far the device's clock is ahead.
        """
        clock = self.now + skew
        signed, bundle = peer.published[-1 - older % len(peer.published)]
        fitting = [(encoded, made) for encoded, made in peer.items if bundle.fits(made)]
        encoded, chosen = fitting[item % len(fitting)] if item is not None and fitting else (None, None)
        handshake = Handshake(
            name=self.terms.number(),
            responder=peer.address,
            claims_pinned=claimed is None,
            bundle=bundle.name,
            item=None if chosen is None else chosen.name,
            created_at=clock,
            not_after=bundle.not_after,
        )
        event = Event("initiate", expected=BundleRejected if clock > bundle.not_after else None, device=device)
        made: list[Side] = []

        def begin() -> None:
            offered = PrekeyBundle.from_parts(signed, encoded)
            ours = (claimed or device).address
            side = self.sides.initiate(device, offered, our_address=ours, their_address=peer.address, now=clock)
            made.append(side)

        event.outcome = attempt(begin)
        if made:
            started = SessionModel(handshake, True, False, model.initial(handshake, initiator=True))  # noqa: FBT003
            event.record = self._add(device, made[0], started)
        self.events.append(event)
        self.now += 1

    def accept(self, device: Device, envelope: Envelope, *, associated_data: bytes | None = None) -> None:
        """Give an initial message to the ring, whatever sessions there are."""
        bound = envelope.letter.associated_data if associated_data is None else associated_data
        event = Event("accept", device=device, envelope=envelope, before=device.ring._to_state())
        moved: tuple[Ring, SessionModel] | None = None
        try:
            moved = model_handshake.accept(
                self.terms, device.ring_model, envelope, self.now, self.bounds, bound, to=device.address
            )
            event.expected = envelope.letter.plaintext
        except Refused as refused:
            event.expected = refused.kind
        accepted: list[Side] = []

        def answer() -> bytes:
            side, plaintext = self.sides.accept(
                device,
                envelope.message,
                pinned=self._pinned,
                our_address=device.address,
                now=self.now,
                associated_data=bound,
            )
            accepted.append(side)
            return plaintext

        event.calls = self.spies.fresh()
        event.outcome = attempt(answer)
        event.after = device.ring._to_state()
        if moved is not None and accepted:
            device.ring_model = moved[0]
            event.record = self._add(device, accepted[0], moved[1], frozenset({envelope.letter.name}))
        self.events.append(event)

    def rotate(self, device: Device) -> None:
        """A new bundle, published; refused while too many are alive."""
        epoch = device.published[-1][1].epoch + 1
        bundle = Bundle(self.terms.number(), epoch, self.now + MAX_BUNDLE_LIFETIME)
        signed = self.sides.rotate(device, self.now)
        device.published.append((signed, bundle))
        device.ring_model = device.ring_model.with_bundle(bundle, self.now)
        self.save_ring(device)

    def save_ring(self, device: Device) -> None:
        blob = self._vault.seal(device.ring, owner=device.address, generation=1)
        device.ring_saved = blob, device.ring_model
        self.events.append(Event("ring saved", device=device))

    def lose_ring_save(self, device: Device) -> None:
        """A crash between the save of a session and that of the ring."""
        blob, device.ring_model = device.ring_saved
        device.ring = self._vault.open(blob, kind=PrekeyRing, owner=device.address, minimum_generation=1)
        self.events.append(Event("ring restored", device=device))

    def settle(self, record: Record, letter: Letter) -> None:
        """Repair a ring after such a crash; refused for a message of another session."""
        if not record.model.recognises(unharmed(letter)):
            return
        self.sides.settle(record.side, record.device, letter.message)
        record.device.ring_model = record.device.ring_model.settled(letter.handshake, self.bounds)
        self.events.append(Event("settle", device=record.device))

    # --- messages -------------------------------------------------------------------------------

    def send(
        self, record: Record, plaintext: bytes, associated_data: bytes = b"", *, timed: bool = False, lost: bool = False
    ) -> Letter | None:
        """One message onto the network; `lost` if the device dies before that."""
        event = self._event("send", record)
        moved: tuple[model.Ratchet, Sealed] | None = None
        handshake = record.model.handshake
        try:
            if timed and not record.model.confirmed and self.now > handshake.not_after:
                raise Refused(SessionExpired)  # noqa: TRY301
            moved = model.send(self.terms, record.model.ratchet, self.bounds)
        except Refused as refused:
            event.expected = refused.kind
        event.calls = self.spies.fresh()
        now = self.now if timed else None
        event.outcome = attempt(lambda: record.side.encrypt(plaintext, associated_data=associated_data, now=now))
        event.after = record.session._to_state()
        self.events.append(event)
        self._note_used(event.calls)
        if moved is None or not isinstance(event.outcome, bytes):
            return None
        letter = Letter(
            name=len(self.letters),
            message=event.outcome,
            plaintext=plaintext,
            associated_data=associated_data,
            handshake=handshake,
            from_initiator=record.model.initiator,
            initial=not record.model.confirmed,
            sealed=moved[1],
        )
        record.model = record.model._replace(ratchet=moved[0])
        self._look_under_the_seal(event, record, letter)
        if not lost:
            self.letters.append(letter)
        return letter

    def deliver(
        self,
        record: Record,
        envelope: Envelope,
        *,
        action: str = "deliver",
        associated_data: bytes | None = None,
        max_plaintext: int = MAX_PLAINTEXT,
    ) -> None:
        """A message, unharmed or not, to a session, the right one or not."""
        letter = envelope.letter
        bound = letter.associated_data if associated_data is None else associated_data
        event = self._event(action, record, envelope)
        event.was_read = letter.name in record.read
        moved: SessionModel | None = None
        try:
            moved = record.model.receive(self.terms, envelope, self.bounds, bound, max_plaintext)
            event.expected = letter.plaintext
        except Refused as refused:
            event.expected = refused.kind
        event.calls = self.spies.fresh()
        event.outcome = attempt(
            lambda: record.side.decrypt(envelope.message, associated_data=bound, max_plaintext=max_plaintext)
        )
        event.after = record.session._to_state()
        state = record.session._state.ratchet
        event.sends_on = state.sending is not None
        event.closed = (set(state.closed[0].skipped), state.closed[0].evicted_below) if state.closed else None
        if moved is not None:
            record.model = moved
            record.read |= {letter.name}
        self.events.append(event)

    def forget(self, record: Record) -> None:
        """The application gives up late messages."""
        event = self._event("forget", record)
        record.side.forget_skipped()
        record.model = record.model._replace(ratchet=model.forget(record.model.ratchet))
        event.after = record.session._to_state()
        self.events.append(event)

    def send_in_vain(self, record: Record, call: Callable[[Session], object]) -> None:
        """A send that must fail: a wrong argument, a random source that has failed."""
        event = self._event("send in vain", record)
        event.expected = RatchetError
        event.outcome = RatchetError if attempt(lambda: call(record.session)) is not None else None
        event.after = record.session._to_state()
        self.events.append(event)

    # --- storage --------------------------------------------------------------------------------

    def save(self, record: Record) -> None:
        """Seal, write, advance."""
        event = self._event("save", record)
        generation = record.saved[-1].generation + 1 if record.saved else 1
        context = record.context
        blob = self._vault.seal(record.session, owner=context["owner"], peer=context["peer"], generation=generation)
        self._vault.advance(blob, anchor=record.anchor, **context)
        record.saved.append(Saved(blob, record.session._to_state(), record.model, record.read, generation))
        event.after = self._vault.open(blob, anchor=record.anchor, **context)._to_state()
        self.events.append(event)

    def crash(self, record: Record) -> None:
        """The process dies; the newest blob is opened, under the anchor."""
        self._reopen(record, record.saved[-1], "crash", record.anchor)

    def roll_back(self, record: Record, choice: int) -> None:
        """An old backup is put in place: refused under the anchor and under the generation, then opened without."""
        if len(record.saved) == 1:
            return
        chosen = record.saved[choice % (len(record.saved) - 1)]
        newest = record.saved[-1].generation
        for stand in ({"anchor": record.anchor}, {"minimum_generation": newest}):
            event = self._event("roll back", record)
            event.expected = StateRolledBack
            event.outcome = attempt(lambda stand=stand: self._vault.open(chosen.blob, **record.context, **stand))
            event.after = record.session._to_state()
            self.events.append(event)
        del record.saved[record.saved.index(chosen) + 1 :]
        self._reopen(record, chosen, "rolled back", UnsafeNoRollbackProtection())
        self._anchor_anew(record)

    def fork(self, record: Record) -> None:
        """The newest blob is opened on a second machine; both go on."""
        saved = record.saved[-1]
        session = self._vault.open(saved.blob, anchor=UnsafeNoRollbackProtection(), **record.context)
        clone = Record(record.device, self.sides.of(session), saved.model, saved.read, [saved])
        self._anchor_anew(clone)
        self.records.append(clone)
        self.events.append(Event("fork", record=clone, after=session._to_state(), before=saved.digest))

    # --- hostile peers --------------------------------------------------------------------------

    def forge(self, record: Record, change: Callable[[Header], Header], *, next_chain: bool = False) -> Letter | None:
        """What a peer with hostile software sends: an authentic header that says anything; it does not move itself.

        The body is under the key of its next message, so it opens if the header says that number.
        """
        state, real = record.model.ratchet, record.session._state.ratchet
        if state.sending is None or real.sending is None:
            return None
        current = state.sending
        honest = Header(
            current.ratchet_key, state.previous_length, current.number, current.pq_epoch, model_pq.IDLE_CHUNK
        )
        header = change(honest)
        header_term = state.next_sending if next_chain else current.header_key
        header_key = real.turn.next_sending_key if next_chain else real.sending.header_key
        binding, unconfirmed = record.session._state.bindings.sending, record.session._state.unconfirmed
        nonce = nacl.bindings.randombytes(seal.NONCE_LENGTH)
        with self.spies.paused():
            sealed = seal_header(header_key, nonce[:HEADER_NONCE], self._encoded(header), binding.header)
            key = chain_step(real.sending.chain_key)[1]
            padded = pad(b"forged", Padme(), 2**20)
            body = seal.seal(key, PERSON_SEAL_BODY, nonce, binding.body_data(sealed, b""), padded)
        message = join(None if unconfirmed is None else unconfirmed.prefix, nonce + sealed + body)
        letter = Letter(
            name=len(self.letters),
            message=message,
            plaintext=b"forged",
            associated_data=b"",
            handshake=record.model.handshake,
            from_initiator=record.model.initiator,
            initial=not record.model.confirmed,
            sealed=Sealed(header, header_term, message_key(current.step, current.number)),
            honest=False,
        )
        self.letters.append(letter)
        return letter

    # --- looking around -------------------------------------------------------------------------

    def receivers(self, letter: Letter) -> list[Record]:
        """The live sessions that a letter is for."""
        return [
            record
            for record in self.records
            if record.model.handshake == letter.handshake and record.model.initiator != letter.from_initiator
        ]

    def address_of(self, letter: Letter) -> Device:
        """The device that a letter is for."""
        to = letter.handshake.responder
        if letter.from_initiator:
            return next(device for device in self.devices if device.address == to)
        return next(
            record.device
            for record in self.records
            if record.model.handshake == letter.handshake and record.model.initiator
        )

    def probe(self, receiver: Record) -> tuple[Outcome, Outcome] | None:
        """Whether the next honest message would decrypt, and whether it should: on copies, which leave no trace."""
        senders = [
            record
            for record in self.records
            if record.model.handshake == receiver.model.handshake and record.model.initiator != receiver.model.initiator
        ]
        if not senders:
            return None
        sender = senders[0]
        try:
            _, sealed = model.send(self.terms, sender.model.ratchet, self.bounds)
        except Refused:
            return None
        with self.spies.paused():
            message = Session(sender.session._state).encrypt(b"probe")
            outcome = attempt(lambda: Session(receiver.session._state).decrypt(message))
        letter = Letter(
            name=-1,
            message=message,
            plaintext=b"probe",
            associated_data=b"",
            handshake=sender.model.handshake,
            from_initiator=sender.model.initiator,
            initial=not sender.model.confirmed,
            sealed=sealed,
        )
        try:
            receiver.model.receive(self.terms, unharmed(letter), self.bounds, b"", MAX_PLAINTEXT)
        except Refused as refused:
            return outcome, refused.kind
        return outcome, b"probe"

    # --- parts ----------------------------------------------------------------------------------

    def _event(self, action: str, record: Record, envelope: Envelope | None = None) -> Event:
        return Event(action, record=record, envelope=envelope, before=record.session._to_state(), earlier=record.model)

    def _add(self, device: Device, side: Side, started: SessionModel, read: frozenset[int] = frozenset()) -> Record:
        record = Record(device, side, started, read)
        self.records.append(record)
        self.save(record)
        return record

    def _reopen(
        self, record: Record, saved: Saved, action: str, anchor: MemoryAnchor | UnsafeNoRollbackProtection
    ) -> None:
        record.side = self.sides.of(self._vault.open(saved.blob, anchor=anchor, **record.context))
        record.model, record.read = saved.model, saved.read
        after = record.session._to_state()
        self.events.append(Event(action, record=record, before=saved.digest, after=after))

    def _anchor_anew(self, record: Record) -> None:
        record.anchor = MemoryAnchor()
        self._vault.adopt(record.saved[-1].blob, minimum_generation=0, anchor=record.anchor, **record.context)

    def _note_used(self, calls: Calls) -> None:
        for pair in calls.bodies + calls.headers:
            if pair in self.used:
                self.doubled.append(pair)
            self.used.add(pair)

    def _look_under_the_seal(self, event: Event, record: Record, letter: Letter) -> None:
        """The header that was sent, and the keys that sealed it and its body."""
        event.letter = letter
        sending = record.session._state.ratchet.sending
        if sending is None:
            return
        _, frame = split(letter.message, 2**30)
        state, binding = record.session._state.ratchet, record.session._state.bindings.sending.header
        others = [state.turn.next_sending_key, state.turn.next_receiving_key]
        others += [chain.header_key for chain in state.chains]
        nonce = frame.nonce[:HEADER_NONCE]
        with self.spies.paused():
            event.header = open_header(sending.header_key, nonce, frame.header, binding)
            event.opens_elsewhere = any(open_header(key, nonce, frame.header, binding) for key in others)
        for term, seals in (
            (letter.sealed.message_key, event.calls.bodies),
            (letter.sealed.header_key, event.calls.headers),
        ):
            for key, _ in seals:
                self.ledger.same(term, key)
        header, expected = event.header, letter.sealed.header
        if header is not None:
            self.ledger.same(expected.ratchet_key, header.ratchet_key)
            if expected.chunk.stream is not None:
                self.ledger.same(("chunk", expected.chunk.stream, expected.chunk.index), header.chunk.data)

    def _encoded(self, header: Header) -> RealHeader:
        key = _WEAK.get(header.ratchet_key) or self.ledger.raw(header.ratchet_key)
        if key is None:
            key = dh.public_key(dh.generate())
            self.ledger.same(header.ratchet_key, key)
        kind, index, stream = header.chunk
        data = bytes(96)
        if stream is not None:
            term = "chunk", stream, index
            data = self.ledger.raw(term) or nacl.bindings.randombytes(len(data))
            self.ledger.same(term, data)
        return RealHeader(key, header.previous_length, header.number, header.pq_epoch, RealChunk(kind, index, data))

    def _pinned(self, address: bytes) -> Any:
        pins = {device.address: device.identity.public for device in (self.alice, self.bob)}
        return pins.get(address)

    def _device(self, address: bytes, identity: IdentityKeyPair, contents: RingContents) -> Device:
        ring = PrekeyRing(contents)
        bundle = Bundle(self.terms.number(), 1, NOW + MAX_BUNDLE_LIFETIME)
        items = [(encoded, Item(self.terms.number(), 1)) for encoded in ring.one_time_items()]
        ring_model = Ring((bundle,), frozenset(item for _, item in items))
        device = Device(address, identity, ring, ring_model, [(ring.signed_bundle(), bundle)], items)
        self.save_ring(device)
        return device


@cache
def _stock() -> dict[bytes, tuple[IdentityKeyPair, RingContents]]:
    """Three devices before anything: making their keys costs more than a whole run."""
    made = {}
    for address in (ALICE, BOB, MALLORY):
        identity = IdentityKeyPair.generate()
        ring = PrekeyRing.generate(identity, address=address, now=NOW, one_time=ITEMS)
        made[address] = identity, ring._contents
    return made
