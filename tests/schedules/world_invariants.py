"""What must hold in every world. Expectations come from the schedule, from who has sent and received what.

Each check is a generator of complaints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schedules.device_invariants import refused, secrets
from schedules.devices import Party
from schedules.explore import in_order
from schedules.settings import LIBRARY

from ratchetlib.errors import AuthenticationError, DuplicateMessage, MessageKeyEvicted, TooManySkipped
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Idle, Ready

if TYPE_CHECKING:
    from schedules.device_invariants import Complaints
    from schedules.devices import Device, Message
    from schedules.explore import World
    from schedules.settings import Setting

    from ratchetlib.errors import PeerError

_OWNER = Idle | Carrying | Ready


def arrives(world: World, setting: Setting) -> Complaints:
    """Whatever is in flight decrypts to what was sent, unless a limit stands against it."""
    for message in in_order(world.in_flight):
        device = world.device(message.sender.peer)
        outcome = device.receive(message)
        expected = _limit_against(world, device, message, setting)
        if outcome.error is not expected or outcome.plaintext != (None if expected else message.plaintext):
            yield f"{message} arrives as {outcome.plaintext!r}, {outcome.error}"


def _limit_against(world: World, device: Device, message: Message, setting: Setting) -> type[PeerError] | None:
    """The refusal that limits call for: too far ahead, too old a chain, or evicted. The model counts evictions."""
    place, newest = message.place, world.newest_chain(device.party)
    heard = world.heard(device.party)
    if place.chain > newest:
        missing = place.previous_length - heard.get(newest, 0) if newest else 0
        return TooManySkipped if missing + place.number > setting.max_skip else None
    if place.chain < newest - 2 * setting.max_closed:
        return AuthenticationError
    if place.number >= heard[place.chain]:
        return TooManySkipped if place.number - heard[place.chain] > setting.max_skip else None
    evicted = place.number < _evicted_below(device, newest - place.chain)
    return MessageKeyEvicted if evicted else None


def repeats_refused(world: World, setting: Setting) -> Complaints:
    """Whatever was delivered is refused, and the state stays the very same."""
    for message in in_order(world.delivered):
        device, newest = world.device(message.sender.peer), world.newest_chain(message.sender.peer)
        error: type[PeerError] = DuplicateMessage
        if message.place.chain < newest - 2 * setting.max_closed:
            error = AuthenticationError
        elif message.place.number < _evicted_below(device, newest - message.place.chain):
            error = MessageKeyEvicted
        yield from refused(device, device.receive(message), error, f"the repeated {message}")


def numbered(world: World, _: Setting) -> Complaints:
    """PN and N are the schedule's; a chain has one epoch and one ratchet key, which no other has."""
    constant: dict[int, tuple[bytes, int]] = {}
    for message in world.in_flight | world.delivered:
        header, place = message.header, message.place
        if (header.number, header.previous_length) != (place.number, place.previous_length):
            yield f"{message} says N {header.number}, PN {header.previous_length}"
        if constant.setdefault(place.chain, (header.ratchet_key, header.pq_epoch)) != (
            header.ratchet_key,
            header.pq_epoch,
        ):
            yield f"{message} contradicts its chain"
        if (place.chain % 2 == 1) != (message.sender is Party.ALICE):
            yield f"{message} stands in a chain of its receiver"
    if len({key for key, _ in constant.values()}) != len(constant):
        yield "two chains with one ratchet key"


def keys_differ(world: World, _: Setting) -> Complaints:
    """Message keys are pairwise distinct, and none is any other secret of a device."""
    messages = world.in_flight | world.delivered
    keys = {message.key for message in messages}
    if len(keys) != len(messages):
        yield "two messages with one key"
    for party in Party:
        state = world.device(party).state
        stored = {key.raw for chain in state.chains for key in chain.skipped.values()}
        if keys & (set(secrets(state)) - stored):
            yield f"a message key is another secret of {party}"


def stored_exactly(world: World, setting: Setting) -> Complaints:
    """A receiver stores the keys of what it knows to be missing: these keys, all of them while no limit bites."""
    for party in Party:
        device, heard = world.device(party), sorted(world.heard(party).items(), reverse=True)
        expected = [_expected_chain(world, *chain) for chain in heard[: setting.max_closed + 1]]
        stored = [
            (chain.number, {number: key.raw for number, key in chain.skipped.items()}) for chain in device.state.chains
        ]
        remaining = [
            (count, {number: key for number, key in missing.items() if number >= chain.evicted_below})
            for (count, missing), chain in zip(expected, device.state.chains, strict=False)
        ]
        if stored != remaining or len(stored) != len(expected):
            yield f"{party} stores keys of {_numbers(stored)}, not of {_numbers(expected)}"
        yield from _within_limits(device, setting)


def _expected_chain(world: World, chain: int, count: int) -> tuple[int, dict[int, bytes]]:
    """What a receiver that has heard of so many messages of a chain should have of it."""
    late = [m for m in in_order(world.in_flight) if m.place.chain == chain and m.place.number < count]
    return count, {m.place.number: m.key for m in late}


def _numbers(chains: list[tuple[int, dict[int, bytes]]]) -> list[tuple[int, list[int]]]:
    return [(count, list(keys)) for count, keys in chains]


def _within_limits(device: Device, setting: Setting) -> Complaints:
    state = device.state
    if state.skipped_stored > setting.max_stored or len(state.closed) > setting.max_closed:
        yield f"{device.party} stores {state.skipped_stored} keys and {len(state.closed)} closed chains"
    limited = (setting.max_stored, setting.max_closed) != (LIBRARY.max_stored, LIBRARY.max_closed)
    if not limited and (state.evicted or any(chain.evicted_below for chain in state.chains)):
        yield f"{device.party} has evicted keys without need"


def delivered_key_gone(world: World, _: Setting) -> Complaints:
    """Nobody keeps the key of what was delivered."""
    for message in world.delivered:
        for party in Party:
            if message.key in world.device(party).encoding:
                yield f"{party} still has the key of {message}"


def chains_alternate(world: World, _: Setting) -> Complaints:
    """A sending chain is open from the first send that answers a chain until the next chain; N and PN are right."""
    for party in Party:
        device, place = world.device(party), world.next_place(party)
        sending, lengths = device.state.sending, world.chain_lengths(party)
        if (sending is not None) != (place.chain in lengths):
            yield f"{party} has a ratchet private key, or none, against the schedule"
        if sending is not None and sending.number != place.number:
            yield f"{party} sends {sending.number} next, not {place.number}"
        if device.state.turn.previous_length != place.previous_length:
            yield f"{party} has PN {device.state.turn.previous_length}, not {place.previous_length}"


def next_send_stands(world: World, _: Setting) -> Complaints:
    """Whoever may send can, in every world, and the message says where it stands."""
    for party in Party:
        if world.device(party).may_send:
            message = world.after_send(party)[0].message
            header, place = message.header, message.place
            if (header.number, header.previous_length) != (place.number, place.previous_length):
                yield f"the next {message} says N {header.number}, PN {header.previous_length}"


def in_step(world: World, _: Setting) -> Complaints:
    """What one sends under is what the other expects: header key, ratchet key, chain key; and the root, if level."""
    for party in Party:
        sender, receiver = world.device(party).state, world.device(party.peer).state
        if sender.sending is not None:
            yield from _chain_in_step(world, party)
        elif sender.turn.next_sending_key.raw != receiver.turn.next_receiving_key.raw:
            yield f"{party}'s next chain has a header key that {party.peer} does not expect"
    alice, bob = world.alice.state.turn, world.bob.state.turn
    if (alice.root_key.raw == bob.root_key.raw) != (_root_steps(world, Party.ALICE) == _root_steps(world, Party.BOB)):
        yield "the roots differ after the same steps, or agree after others"


def _root_steps(world: World, party: Party) -> int:
    """A party's newest root step: its own newest chain's or its peer's."""
    return max(world.newest_chain(party), *world.chain_lengths(party), 0)


def _chain_in_step(world: World, party: Party) -> Complaints:
    sending, receiver = world.device(party).state.sending, world.device(party.peer).state
    if sending is None:
        return
    heard = world.heard(party.peer)
    chain = world.newest_chain(party) + 1
    if chain not in heard:
        if receiver.turn.next_receiving_key.raw != sending.header_key.raw:
            yield f"{party}'s chain {chain} has a header key that {party.peer} does not expect"
        return
    receiving = receiver.receiving
    if receiving is None or receiving.chain_key is None:
        yield f"{party.peer} has no open chain where {party} has one"
        return
    key = receiving.chain_key
    for _ in range(receiving.number, sending.number):
        key, _ = chain_step(key)
    ours = (receiving.header_key.raw, receiving.ratchet_key, receiving.pq_epoch, key.raw)
    if ours != (sending.header_key.raw, sending.key_pair.public, sending.pq_epoch, sending.chain_key.raw):
        yield f"the ends of chain {chain} differ"


def epochs_together(world: World, _: Setting) -> Complaints:
    """Epochs differ by one at most, by the one whose secret is in hand; roles are opposite; secrets agree."""
    alice, bob = world.alice.state.pq, world.bob.state.pq
    for party, pq in zip(Party, (alice, bob), strict=True):
        if isinstance(pq.phase, _OWNER) != ((party is Party.ALICE) == (pq.epoch % 2 == 0)):
            yield f"{party} plays the other's role in epoch {pq.epoch}"
    behind, ahead = sorted((alice, bob), key=lambda pq: pq.epoch)
    if ahead.epoch - behind.epoch > 1 or (ahead.epoch > behind.epoch and not isinstance(behind.phase, Answering)):
        yield f"epochs {alice.epoch} and {bob.epoch}, {type(behind.phase).__name__} behind"
    in_hand = [pq.phase.secret.raw for pq in (alice, bob) if isinstance(pq.phase, Ready | Answering)]
    if alice.epoch == bob.epoch and len(set(in_hand)) > 1:
        yield "two secrets of one epoch"


def chunks_collected(world: World, setting: Setting) -> Complaints:
    """A set of chunks holds those of the exchange in progress that were delivered since it began."""
    for party in Party:
        pq = world.device(party).state.pq
        delivered = {
            (m.header.chunk.point, m.header.chunk.data)
            for m in world.delivered
            if m.sender is not party and m.header.chunk.kind and m.header.pq_epoch == pq.epoch
        }
        k = setting.key_chunks if isinstance(pq.phase, Collecting | HasKey | Answering) else setting.answer_chunks
        collecting = isinstance(pq.phase, Carrying | Collecting)
        if isinstance(pq.phase, Carrying | Collecting) and set(pq.phase.collected.items()) != delivered:
            yield f"{party} has collected {sorted(pq.phase.collected)}"
        if not isinstance(pq.phase, Idle) and collecting != (len(delivered) < k):
            yield f"{party} is {type(pq.phase).__name__} with {len(delivered)} chunks"


def _evicted_below(device: Device, back: int) -> int:
    """Of the receiving chain so many root steps before the newest; 0 if it is not there, which other checks tell."""
    chains = tuple(device.state.chains)
    return chains[back // 2].evicted_below if back // 2 < len(chains) else 0
