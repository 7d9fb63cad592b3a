"""What must hold of one device, and of a device with a message, in whatever world they meet.

Each check is a generator of complaints. Devices and messages are values with one object each, so what was found about
them holds in every world that has them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from schedules.devices import Outcome, Party
from schedules.hostile import changed_frames

from ratchetlib.errors import AuthenticationError, StateTampered
from ratchetlib.ratchet import Frame, codec
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schedules.devices import Device, Message

    from ratchetlib.errors import PeerError
    from ratchetlib.ratchet import RatchetState

Complaints: TypeAlias = "Iterator[str]"


def round_trip(device: Device) -> Complaints:
    """Encoding and decoding is the identity."""
    if codec.encode(decoded(device)) != device.encoding:
        yield "another encoding after decoding"


def secrets_differ(device: Device) -> Complaints:
    """No two secrets of a state are the same bytes."""
    held = list(secrets(device.state))
    if len(set(held)) != len(held):
        yield "one secret in two places"


@lru_cache(maxsize=4)  # of successive checks, most are about one device
def decoded(device: Device) -> RatchetState:
    """The state as a restart would find it."""
    reader = Reader(device.encoding, StateTampered)
    state = codec.decode(reader, initiator=device.party is Party.ALICE)
    reader.end()
    return state


def secrets(state: RatchetState) -> Iterator[bytes]:
    """Every secret of a state but those of the post-quantum ratchet."""
    turn, sending = state.turn, state.sending
    yield from (turn.root_key.raw, turn.next_sending_key.raw, turn.next_receiving_key.raw)
    if sending is not None:
        yield from (sending.key_pair.private.raw, sending.header_key.raw, sending.chain_key.raw)
    for chain in state.chains:
        yield chain.header_key.raw
        if chain.chain_key is not None:
            yield chain.chain_key.raw
        yield from (key.raw for key in chain.skipped.values())


# --- a device and a message that it has not sent ------------------------------------------------


def restored_alike(device: Device, message: Message) -> Complaints:
    """A restored state takes a message as the state itself does."""
    if device.take(message.frame, state=decoded(device)) != device.receive(message):
        yield f"{message} is taken otherwise after a restart"


def tampering_refused(device: Device, message: Message) -> Complaints:
    """Every change is refused: with the reason that the header gives, if the header is still authentic."""
    genuine = device.receive(message)
    for what, frame, header_opens in changed_frames(message.frame):
        expected = (genuine.error if header_opens else None) or AuthenticationError
        yield from refused(device, device.take(frame), expected, f"{message} with {what}")
    other_data = device.take(message.frame, data=b"other")
    yield from refused(device, other_data, genuine.error or AuthenticationError, f"{message} with other data")
    turned = device.take(message.frame, sender=device.party)
    yield from refused(device, turned, AuthenticationError, f"{message} in the other direction")
    yield from _untouched(device)


def counters_move(device: Device, message: Message) -> Complaints:
    """The figures about healing: since the last root step, which a new chain is, and since the last epoch."""
    before, outcome = device.state, device.receive(message)
    if outcome.error is not None:
        return
    after = outcome.device.state
    known = {chain.ratchet_key for chain in before.chains}
    new = message.header.ratchet_key not in known
    if after.since_dh_step != (1 if new else before.since_dh_step + 1):
        yield f"{message} makes {before.since_dh_step} messages since a root step {after.since_dh_step}"
    if after.since_pq_step != (before.since_pq_step + 1 if before.pq.epoch == after.pq.epoch else 1):
        yield f"{message} makes {before.since_pq_step} messages since an epoch {after.since_pq_step}"


def refused(device: Device, outcome: Outcome, error: type[PeerError], what: str) -> Complaints:
    """Nothing but an error, and the very same state."""
    if outcome != Outcome(device, None, error):
        yield f"{what} is not refused as {error.__name__}: {outcome}"


def _untouched(device: Device) -> Complaints:
    if codec.encode(device.state) != device.encoding:
        yield "a refusal has changed the state"


# --- a device and a message that it has sent ----------------------------------------------------


def reflection_refused(device: Device, message: Message) -> Complaints:
    """Its own message comes back: as the peer's, and as if it came from itself."""
    for sender in Party:
        outcome = device.take(message.frame, sender=sender)
        yield from refused(device, outcome, AuthenticationError, f"the reflected {message}")
    yield from _untouched(device)


def sent_key_gone(device: Device, message: Message) -> Complaints:
    """Nobody keeps the key of what was sent."""
    if message.key in device.encoding:
        yield f"the sender still has the key of {message}"


def restart_sends_alike(device: Device, message: Message) -> Complaints:
    """A restored state sends what the state itself does, if it draws the same."""
    state, sent = device.encrypt(message.text, state=decoded(device))
    after, _ = device.send(message.text, message.place)
    if codec.encode(state) != after.encoding or Frame.split(sent, 0) != message.frame:
        yield f"{message} is sent otherwise after a restart"


def counters_move_on_sending(device: Device, message: Message) -> Complaints:
    """The same figures, when it sends a message."""
    before, after = device.state, device.send(message.text, message.place)[0].state
    if after.since_dh_step != (before.since_dh_step if before.sending else 0) + 1:
        yield f"{message} makes {before.since_dh_step} messages since a root step {after.since_dh_step}"
    if after.since_pq_step != (before.since_pq_step if before.pq.epoch == after.pq.epoch else 0) + 1:
        yield f"{message} makes {before.since_pq_step} messages since an epoch {after.since_pq_step}"


# --- a device and two messages of its peer ------------------------------------------------------


def splice_refused(device: Device, head: Message, tail: Message) -> Complaints:
    """The header of one message with the body of another."""
    spliced = Frame(head.frame.nonce, head.frame.header, tail.frame.body)
    expected = device.receive(head).error or AuthenticationError
    yield from refused(device, device.take(spliced), expected, f"{head} with the body of {tail}")
