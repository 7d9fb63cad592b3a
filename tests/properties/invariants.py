"""What must hold after each step, by the numbers of `table.INVARIANTS`.

Each looks at the events of the step and at the sessions that it has touched, on the library and on the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from properties import model, observe
from properties.model import WEAK_KEYS
from properties.terms import message_key

from ratchetlib import (
    AuthenticationError,
    DuplicateMessage,
    HandshakeReplayed,
    IdentityChanged,
    ProtocolViolation,
    SessionForked,
    StateRolledBack,
    TooManySkipped,
    UnknownPrekey,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from properties.devices import Device, Record
    from properties.events import Event
    from properties.model import Envelope, Letter, SessionModel
    from properties.world import World

RECENT: Final = 8
"""Of the messages a session has sent itself, so many are looked for in its state: a key that stays shows at once."""


def invariant_01_correctness(world: World) -> None:
    """Every delivery comes to what the model says: its very plaintext, or the condition."""
    for event in _arrived(world):
        assert event.outcome == event.expected


def invariant_02_exactly_once(world: World) -> None:
    for event in _arrived(world):
        if event.was_read:
            assert not isinstance(event.outcome, bytes)
        if event.expected is DuplicateMessage:
            assert event.outcome is DuplicateMessage
            assert event.after == event.before


def invariant_03_a_refusal_changes_nothing(world: World) -> None:
    for event in _refused(world):
        assert event.after == event.before


def invariant_04_a_send_happens_or_does_not(world: World) -> None:
    for event in world.events:
        if event.action in {"send", "send in vain"}:
            happened = isinstance(event.outcome, bytes)
            assert happened == (event.expected is None)
            assert happened or event.outcome is event.expected
            assert happened or event.after == event.before
    assert world.doubled == []


def invariant_05_a_refusal_ends_no_session(world: World) -> None:
    for record in {event.record for event in _refused(world) if event.record is not None}:
        answer = world.probe(record)
        assert answer is None or answer[0] == answer[1]


def invariant_06_nothing_unauthenticated_moves_anything(world: World) -> None:
    for event, envelope in _sessions(world):
        if envelope.header_ok and envelope.body_ok and envelope.framing is None:
            continue
        assert not isinstance(event.outcome, bytes)
        assert event.after == event.before
        if not envelope.header_ok:
            assert event.calls.chain_steps == event.calls.root_steps == 0


def invariant_07_every_key_is_one_of_its_own(world: World) -> None:
    """One for one: whatever is derived twice is equal on both sides, whatever is not is distinct."""
    for record in _touched(world):
        observe.bind(world.ledger, record.session, record.model)
    assert world.ledger.conflicts == []


def invariant_08_epochs_alternate(world: World) -> None:
    """Our ratchet key stays until the peer's next one comes and goes with it; header keys serve one direction."""
    for event, envelope in _sessions(world):
        if event.earlier is None or not isinstance(event.outcome, bytes):
            continue
        had = event.earlier.ratchet.sending is not None
        assert event.sends_on == (had and not _opens_chain(event.earlier, envelope))
    for event in world.events:
        if event.letter is not None and event.earlier is not None and event.header is not None:
            sending = event.earlier.ratchet.sending
            fresh = world.ledger.raw(event.letter.sealed.header.ratchet_key) == event.header.ratchet_key
            assert fresh
            assert sending is None or world.ledger.raw(sending.ratchet_key) == event.header.ratchet_key
    for record in _touched(world):
        sends, receives = _header_keys(record)
        assert not sends & receives


def invariant_09_numbers_run_without_a_gap(world: World) -> None:
    for event in world.events:
        if event.letter is None or event.earlier is None:
            continue
        earlier, header = event.earlier.ratchet, event.header
        assert header is not None
        assert header.number == (0 if earlier.sending is None else earlier.sending.number)
        assert header.previous_length == earlier.previous_length
        assert header.pq_epoch == event.letter.sealed.header.pq_epoch
        assert header.chunk[:2] == event.letter.sealed.header.chunk[:2]


def invariant_10_exactly_the_lost_keys_are_stored(world: World) -> None:
    """And every other figure of the state is the model's, too."""
    for record in _touched(world):
        assert observe.figures(record.session) == observe.expected_figures(record.model)


def invariant_11_keys_of_the_old_chain_outlive_a_step(world: World) -> None:
    for event, envelope in _sessions(world):
        if event.earlier is None or event.record is None or not isinstance(event.outcome, bytes):
            continue
        old = event.earlier.ratchet.receiving
        if old is None or not _opens_chain(event.earlier, envelope) or event.closed is None:
            continue
        missing = old.skipped | set(range(old.number, envelope.letter.sealed.header.previous_length))
        skipped, evicted_below = event.closed
        assert skipped == {number for number in missing if number >= evicted_below}


def invariant_12_work_and_memory_are_bounded(world: World) -> None:
    bounds = world.bounds
    for event in _arrived(world):
        assert event.calls.chain_steps <= bounds.skip + 1
        assert event.calls.root_steps <= 1
        assert len(event.calls.trials) <= bounds.closed + 2
        if event.outcome is TooManySkipped:
            assert event.calls.chain_steps == event.calls.root_steps == 0
    for record in _touched(world):
        health, state = record.session.health(), record.model.ratchet
        assert health.skipped_stored == state.stored <= bounds.stored
        assert (health.skipped_evicted, health.last_eviction) == (state.evicted, state.last_eviction)
        assert len(record.session._state.ratchet.closed) <= bounds.closed


def invariant_13_counters_do_not_wrap(world: World) -> None:
    for event, envelope in _sessions(world):
        header = envelope.letter.sealed.header
        if header.number >= world.bounds.length or header.previous_length > world.bounds.length:
            assert not isinstance(event.outcome, bytes)


def invariant_14_used_keys_are_gone(world: World) -> None:
    """`tests/closure` shows it of everything derivable; this, of what lies in a state in the open."""
    for record in _touched(world):
        digest = _digest(world, record)
        used = [world.letters[name] for name in record.read] + _own_letters(world, record)
        for letter in used:
            key = world.ledger.raw(letter.sealed.message_key)
            assert key is None or key not in digest


def invariant_16_a_stored_key_opens_one_message(world: World) -> None:
    """A stored key is the message key of its own number: a chain key would be another term. Also `tests/closure`."""
    for record in _touched(world):
        for chain, expected in zip(record.session._state.ratchet.chains, record.model.ratchet.chains, strict=True):
            for number, key in chain.skipped.items():
                assert world.ledger.term(key.raw) == message_key(expected.step, number)


def invariant_17_a_hostile_ratchet_key_drives_nothing(world: World) -> None:
    for event, envelope in _sessions(world):
        if event.action != "forged" or event.earlier is None or not _opens_chain(event.earlier, envelope):
            continue
        header, state = envelope.letter.sealed.header, event.earlier.ratchet
        own = None if state.sending is None else state.sending.ratchet_key
        if header.ratchet_key in (*WEAK_KEYS, state.peer_key, own) and own is not None:
            assert event.outcome in {ProtocolViolation, TooManySkipped}
            assert event.after == event.before


def invariant_18_no_two_sessions_share_a_secret(world: World) -> None:
    for event in world.events:
        if event.action == "accept" and event.outcome in {UnknownPrekey, HandshakeReplayed}:
            assert event.record is None
            assert event.after == event.before
    handshakes = {record.session.session_id: record.model.handshake for record in world.records}
    assert len(handshakes) == len(set(handshakes.values()))


def invariant_19_no_session_keeps_a_prekey(world: World) -> None:
    for record in _touched(world):
        digest = _digest(world, record)
        assert not any(private in digest for private in _prekeys(record.device))


def invariant_20_no_message_turns_around_or_strays(world: World) -> None:
    for event in world.events:
        if event.action == "misdeliver":
            assert event.outcome is AuthenticationError


def invariant_21_whatever_is_bound_must_be_the_same(world: World) -> None:
    for event in _arrived(world):
        if event.action == "misread" and event.expected is AuthenticationError:
            assert event.outcome is AuthenticationError
        if event.expected is IdentityChanged:
            assert event.outcome is IdentityChanged


def invariant_22_headers_are_sealed(world: World) -> None:
    for event, _ in _sessions(world):
        if event.earlier is not None and event.calls.trials:
            order = [world.ledger.raw(term) for term in model.trials(event.earlier.ratchet)]
            assert event.calls.trials == order[: len(event.calls.trials)]
    for event in world.events:
        assert not event.opens_elsewhere


def invariant_23_what_was_saved_comes_back(world: World) -> None:
    """To the byte; that it goes on as it would have is invariants 1 and 10, in all steps that follow."""
    for event in world.events:
        if event.action in {"save", "crash", "rolled back", "fork"}:
            assert event.after == event.before


def invariant_24_a_lost_send_repeats_no_nonce(world: World) -> None:
    """And a chain that is opened anew has another ratchet key: its term is fresh, so the ledger would object."""
    assert world.doubled == []


def invariant_25_a_lost_receive_comes_again(world: World) -> None:
    for again in world.events:
        if again.action == "deliver again":
            first = next(event for event in world.events if event.action == "deliver")
            assert (again.outcome, again.after) == (first.outcome, first.after)


def invariant_26_old_state_is_refused(world: World) -> None:
    for event in world.events:
        if event.action == "roll back":
            assert event.outcome is StateRolledBack


def invariant_27_forks_repeat_no_nonce_and_corrupt_nothing(world: World) -> None:
    """What a fork's messages come to is invariant 1's: the model follows every copy."""
    assert world.doubled == []
    for event in _refused(world):
        assert event.after == event.before


def the_rings_are_the_models(world: World) -> None:
    """Belongs to 18: what was used is gone, what must be remembered is."""
    for device in world.devices:
        contents, expected = device.ring._contents, device.ring_model
        assert len(contents.items) == len(expected.items)
        bundles = [(record.bundle.epoch, len(record.remembered)) for record in contents.bundles.values()]
        assert bundles == [(bundle.epoch, len(bundle.remembered)) for bundle in expected.bundles]


def the_demands_decide_on_a_bundle(world: World) -> None:
    """Belongs to 18: a session begins with a bundle that meets every demand, and with no other."""
    for event in world.events:
        if event.action == "initiate":
            assert event.outcome is event.expected


def the_honest_are_not_refused(world: World) -> None:
    """Where nobody is hostile and everybody keeps the order: a matter of 1 and 5."""
    for event in world.events:
        if event.action in {"deliver", "deliver again"}:
            assert event.outcome not in {SessionForked, ProtocolViolation}


INVARIANTS: Final[tuple[Callable[[World], None], ...]] = tuple(
    value for name, value in list(globals().items()) if name.startswith(("invariant_", "the_rings_", "the_demands_"))
)


# --- what they look at --------------------------------------------------------------------------


def _arrived(world: World) -> list[Event]:
    return [event for event in world.events if event.envelope is not None]


def _refused(world: World) -> list[Event]:
    return [event for event in _arrived(world) if not isinstance(event.outcome, bytes)]


def _sessions(world: World) -> Iterator[tuple[Event, Envelope]]:
    """What arrived at a session."""
    for event in world.events:
        if event.envelope is not None and event.action != "accept":
            yield event, event.envelope


def _touched(world: World) -> list[Record]:
    seen = {id(event.record): event.record for event in world.events if event.record is not None}
    return list(seen.values())


def _digest(world: World, record: Record) -> bytes:
    """Its state after the last event."""
    done = (event for event in reversed(world.events) if event.record is record and event.action != "accept")
    return next(event.after for event in done if event.after)


def _opens_chain(earlier: SessionModel, envelope: Envelope) -> bool:
    return envelope.header_ok and envelope.letter.sealed.header_key == earlier.ratchet.next_receiving


def _header_keys(record: Record) -> tuple[set[bytes], set[bytes]]:
    state = record.session._state.ratchet
    sends = {state.turn.next_sending_key.raw} | ({state.sending.header_key.raw} if state.sending else set())
    return sends, {state.turn.next_receiving_key.raw, *(chain.header_key.raw for chain in state.chains)}


def _own_letters(world: World, record: Record) -> list[Letter]:
    """Those that it, or a copy of it, sent last: their keys were never in its state as message keys."""
    side = record.model.handshake, record.model.initiator
    return [letter for letter in world.letters[-RECENT:] if (letter.handshake, letter.from_initiator) == side]


def _prekeys(device: Device) -> list[bytes]:
    contents = device.ring._contents
    found = [record.signed_prekey.raw for record in contents.bundles.values()]
    return found + [record.prekey.raw for record in contents.items.values()]
