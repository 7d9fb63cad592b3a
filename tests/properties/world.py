"""Three devices, their rings, sessions and storage, and the network: one method for each thing that can happen.

Every method acts on the library and on the model alike and records an `Event`. Nothing is judged here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from properties import model, model_handshake
from properties.bounds import GENUINE, Bounds, applied
from properties.devices import Device, Record, Saved, stock
from properties.events import Event, Outcome, attempt, foreseen
from properties.forgery import PLAINTEXT, forge
from properties.model import Envelope, Header, Letter, Sealed, SessionModel
from properties.model_handshake import Bundle, Handshake
from properties.observe import Calls, Ledger, Spies
from properties.refusal import Refused
from properties.sides import InLockstep
from properties.tamper import HEADER_NONCE, unharmed
from properties.terms import Terms
from support.anchors import MemoryAnchor
from support.forge import MAX_PADDED
from support.pair import NOW

from ratchetlib import (
    BundleRejected,
    PrekeyBundle,
    PrekeyRing,
    RatchetError,
    Session,
    SessionExpired,
    StateRolledBack,
    StateVault,
    UnsafeNoRollbackProtection,
)
from ratchetlib.limits import MAX_BUNDLE_LIFETIME, MAX_PLAINTEXT
from ratchetlib.ratchet.header import open_header
from ratchetlib.session.message import split

if TYPE_CHECKING:
    from collections.abc import Callable

    from properties.sides import Side, Sides

    from ratchetlib.ratchet.header import Header as RealHeader


class Demands(NamedTuple):
    """What an initiator asks of a bundle, beside its time.

    Attributes:
        pinned: that its identity is the one that is known.
        newest: that its epoch is the newest that was published.
        one_time: that it has a one-time item.
    """

    pinned: bool = False
    newest: bool = False
    one_time: bool = False

    def refuse(self, *, older: bool, bare: bool) -> bool:
        """Whether a bundle that is older than the newest, or has no item, is refused."""
        return (self.newest and older) or (self.one_time and bare)


NO_DEMANDS: Final = Demands()
DEMANDS: Final = (
    NO_DEMANDS,
    NO_DEMANDS,
    Demands(pinned=True),
    Demands(pinned=True, newest=True),
    Demands(one_time=True),
)
"""Mostly those that refuse nothing: a refused bundle begins no session."""


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
        self.devices = [Device.fresh(self.terms, address) for address in stock()]
        self.alice, self.bob, self.mallory = self.devices
        for device in self.devices:
            self.save_ring(device)

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
        demands: Demands = NO_DEMANDS,
    ) -> None:
        """Begin a session with what a server hands out.

        Args:
            device: who begins.
            peer: with whom.
            item: which one-time item the server hands out, used or not; None for none.
            older: how many bundles before the newest.
            claimed: whose address an impostor uses.
            skew: how far the device's clock is ahead.
            demands: of the initiator.
        """
        clock = self.now + skew
        signed, bundle, encoded, chosen = peer.offered(item, older)
        newest = peer.published[-1][1].epoch
        unmet = demands.refuse(older=bundle.epoch < newest, bare=encoded is None) or clock > bundle.not_after
        event = Event("initiate", expected=BundleRejected if unmet else None, device=device)
        made: list[Side] = []

        def begin() -> None:
            offered = PrekeyBundle.from_parts(signed, encoded)
            ours = (claimed or device).address
            side = self.sides.initiate(
                device,
                offered,
                pinned=peer.identity.public if demands.pinned else None,
                our_address=ours,
                their_address=peer.address,
                now=clock,
                minimum_epoch=newest if demands.newest else 0,
                require_one_time=demands.one_time,
            )
            made.append(side)

        event.outcome = attempt(begin)
        for side in made:
            handshake = Handshake(
                name=self.terms.number(),
                responder=peer.address,
                claims_pinned=claimed is None,
                bundle=bundle.name,
                item=None if chosen is None else chosen.name,
                created_at=clock,
                not_after=bundle.not_after,
            )
            started = model.initial(handshake, initiator=True)
            event.record = self._add(
                device, side, SessionModel(handshake, initiator=True, confirmed=False, ratchet=started)
            )
        self.events.append(event)
        self.now += 1

    def accept(self, device: Device, envelope: Envelope) -> None:
        """Give an initial message to the ring, whatever sessions there are."""
        letter = envelope.letter
        event = Event("accept", device=device, envelope=envelope, before=device.ring._to_state())
        moved, refusal = foreseen(
            lambda: model_handshake.accept(
                self.terms,
                device.ring_model,
                envelope,
                self.now,
                self.bounds,
                letter.associated_data,
                to=device.address,
            )
        )
        event.expected = refusal or letter.plaintext
        accepted: list[Side] = []

        def answer() -> bytes:
            named = {"our_address": device.address, "now": self.now, "associated_data": letter.associated_data}
            side, plaintext = self.sides.accept(device, envelope.message, pinned=self._pinned, **named)
            accepted.append(side)
            return plaintext

        event.calls = self.spies.fresh()
        event.outcome = attempt(answer)
        event.after = device.ring._to_state()
        if moved is not None and accepted:
            device.ring_model, started = moved
            event.record = self._add(device, accepted[0], started, frozenset({letter.name}))
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
        now = self.now if timed else None
        moved, event.expected = foreseen(lambda: self._sent(record, now))
        event.calls = self.spies.fresh()
        event.outcome = attempt(lambda: record.side.encrypt(plaintext, associated_data=associated_data, now=now))
        event.after = record.session._to_state()
        self.events.append(event)
        self._note_used(event.calls)
        if moved is None or not isinstance(event.outcome, bytes):
            return None
        ratchet, sealed = moved
        letter = self._letter(record, event.outcome, sealed, plaintext, associated_data)
        record.model = record.model._replace(ratchet=ratchet)
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
        moved, refusal = foreseen(lambda: record.model.receive(self.terms, envelope, self.bounds, bound, max_plaintext))
        event.expected = refusal or letter.plaintext
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
            event.outcome = attempt(partial(self._vault.open, chosen.blob, **record.context, **stand))
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
        """An authentic message that says anything."""
        with self.spies.paused():
            forged = forge(self.ledger, record, change, next_chain=next_chain)
        if forged is None:
            return None
        letter = self._letter(record, forged.message, forged.sealed, PLAINTEXT)
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
        side = receiver.model.handshake, not receiver.model.initiator
        sender = next((each for each in self.records if (each.model.handshake, each.model.initiator) == side), None)
        moved = None if sender is None else foreseen(partial(self._sent, sender))[0]
        if sender is None or moved is None:
            return None
        with self.spies.paused():
            message = Session(sender.session._state).encrypt(b"probe")
            outcome = attempt(lambda: Session(receiver.session._state).decrypt(message))
        arrived = unharmed(self._letter(sender, message, moved[1], b"probe"))
        _, refusal = foreseen(lambda: receiver.model.receive(self.terms, arrived, self.bounds, b"", MAX_PLAINTEXT))
        return outcome, refusal or b"probe"

    # --- parts ----------------------------------------------------------------------------------

    def _sent(self, record: Record, now: int | None = None) -> tuple[model.Ratchet, Sealed]:
        """What a send comes to."""
        if now is not None and not record.model.confirmed and now > record.model.handshake.not_after:
            raise Refused(SessionExpired)
        return model.send(self.terms, record.model.ratchet, self.bounds)

    def _letter(
        self, record: Record, message: bytes, sealed: Sealed, plaintext: bytes, associated_data: bytes = b""
    ) -> Letter:
        """What the session's side has said."""
        return Letter(
            name=len(self.letters),
            message=message,
            plaintext=plaintext,
            associated_data=associated_data,
            handshake=record.model.handshake,
            from_initiator=record.model.initiator,
            initial=not record.model.confirmed,
            sealed=sealed,
        )

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
        state, binding = record.session._state.ratchet, record.session._state.bindings.sending.header
        if state.sending is None:
            return
        _, (nonce, sealed_header, _) = split(letter.message, MAX_PADDED)
        others = [state.turn.next_sending_key, state.turn.next_receiving_key]
        others += [chain.header_key for chain in state.chains]
        with self.spies.paused():
            look = partial(open_header, nonce=nonce[:HEADER_NONCE], sealed=sealed_header, associated_data=binding)
            event.header = look(state.sending.header_key)
            event.opens_elsewhere = any(look(key) for key in others)
        for key, _ in event.calls.bodies:
            self.ledger.same(letter.sealed.message_key, key)
        for key, _ in event.calls.headers:
            self.ledger.same(letter.sealed.header_key, key)
        if event.header is not None:
            _bind_header(self.ledger, letter.sealed.header, event.header)

    def _pinned(self, address: bytes) -> Any:
        pins = {device.address: device.identity.public for device in (self.alice, self.bob)}
        return pins.get(address)


def _bind_header(ledger: Ledger, expected: Header, header: RealHeader) -> None:
    ledger.same(expected.ratchet_key, header.ratchet_key)
    if expected.chunk.stream is not None:
        ledger.same(("chunk", expected.chunk.stream, expected.chunk.at), header.chunk.data)
