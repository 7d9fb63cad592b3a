"""The Double Ratchet and the session in symbols, written from docs/spec/ratchet.md and messages.md.

A second specification: no cryptography, only which key is which, and what follows from a message. States are values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from properties import model_pq
from properties.refusal import Refused
from properties.terms import Term, Terms, header_key, message_key, root_key

from ratchetlib import (
    AuthenticationError,
    ChainExhausted,
    DuplicateMessage,
    MalformedMessage,
    MessageKeyEvicted,
    ProtocolViolation,
    RatchetError,
    SessionForked,
    TooManySkipped,
)

if TYPE_CHECKING:
    from properties.bounds import Bounds
    from properties.model_handshake import Handshake
    from properties.model_pq import Chunk, Pq

WEAK_KEYS = (("weak key", "zero"), ("weak key", "order 8"), ("weak key", "not canonical"))
"""Ratchet keys that X25519 refuses."""


class Header(NamedTuple):
    """A header in clear."""

    ratchet_key: Term
    previous_length: int
    number: int
    pq_epoch: int
    chunk: Chunk


class Sending(NamedTuple):
    """The open sending chain; `step` is the root step that opened it."""

    ratchet_key: Term
    header_key: Term
    step: int
    number: int
    pq_epoch: int


class Receiving(NamedTuple):
    """A receiving chain; `skipped` are the numbers whose keys are stored."""

    header_key: Term
    step: int
    is_open: bool
    ratchet_key: Term
    previous_length: int
    pq_epoch: int
    number: int
    skipped: frozenset[int]
    evicted_below: int


class Ratchet(NamedTuple):
    """The state of ratchet.md."""

    initiator: bool
    root: Term
    next_sending: Term
    next_receiving: Term
    peer_key: Term
    pq: Pq
    previous_length: int = 0
    sending: Sending | None = None
    receiving: Receiving | None = None
    closed: tuple[Receiving, ...] = ()
    since_dh: int = 0
    since_pq: int = 0
    evicted: int = 0
    last_eviction: int = 0

    @property
    def chains(self) -> tuple[Receiving, ...]:
        """Newest first."""
        return (() if self.receiving is None else (self.receiving,)) + self.closed

    @property
    def stored(self) -> int:
        return sum(len(chain.skipped) for chain in self.chains)


def initial(handshake: Handshake, *, initiator: bool) -> Ratchet:
    forth, back = handshake.header_keys
    return Ratchet(
        initiator=initiator,
        root=root_key(handshake.name),
        next_sending=forth if initiator else back,
        next_receiving=back if initiator else forth,
        peer_key=handshake.signed_prekey,
        pq=model_pq.initial(initiator=initiator),
    )


# --- sending ------------------------------------------------------------------------------------


class Sealed(NamedTuple):
    """A message as the ratchet makes it: its header and the keys of header and body."""

    header: Header
    header_key: Term
    message_key: Term


def send(terms: Terms, state: Ratchet, bounds: Bounds) -> tuple[Ratchet, Sealed]:
    if state.sending is None:
        state = _open_chain(terms, state)
    sending = state.sending
    if sending is None or sending.number >= bounds.length:
        raise Refused(ChainExhausted)
    pq, chunk = model_pq.next_chunk(state.pq)
    header = Header(sending.ratchet_key, state.previous_length, sending.number, sending.pq_epoch, chunk)
    moved = state._replace(
        sending=sending._replace(number=sending.number + 1),
        pq=pq,
        since_dh=state.since_dh + 1,
        since_pq=state.since_pq + 1,
    )
    return moved, Sealed(header, sending.header_key, message_key(sending.step, sending.number))


def _open_chain(terms: Terms, state: Ratchet) -> Ratchet:
    ours = terms.fresh("ratchet key")
    pq, secret = model_pq.opens_chain(terms, state.pq)
    step = terms.step(state.root, ours, state.peer_key, secret, pq.epoch)
    return state._replace(
        root=root_key(step),
        sending=Sending(ours, state.next_sending, step, 0, pq.epoch),
        next_sending=header_key(step),
        pq=pq,
        since_dh=0,
        since_pq=state.since_pq if secret is None else 0,
    )


# --- receiving ----------------------------------------------------------------------------------


def trials(state: Ratchet) -> list[Term]:
    """The header keys that a receiver tries, in this order."""
    current = [] if state.receiving is None else [state.receiving.header_key]
    return [*current, state.next_receiving, *(chain.header_key for chain in state.closed)]


def receive(
    terms: Terms, state: Ratchet, key: Term, header: Header, bounds: Bounds, prekey: Term | None
) -> tuple[Ratchet, Term]:
    """What the header leads to: the state once the body has authenticated, and the body's key."""
    if state.receiving is not None and key == state.receiving.header_key:
        chain, taken = _from_known(state, state.receiving, header, bounds)
        moved = _counted(state._replace(receiving=chain))
        return (_bounded(moved, bounds) if header.number >= state.receiving.number else moved), taken
    if key == state.next_receiving:
        return _from_new(terms, state, header, bounds, prekey)
    for position, chain in enumerate(state.closed):
        if key == chain.header_key:
            later, taken = _from_known(state, chain, header, bounds)
            closed = (*state.closed[:position], later, *state.closed[position + 1 :])
            return _counted(state._replace(closed=closed)), taken
    raise Refused(AuthenticationError)


def _from_known(state: Ratchet, chain: Receiving, header: Header, bounds: Bounds) -> tuple[Receiving, Term]:
    """2a and 2c."""
    constant = chain.ratchet_key, chain.previous_length, chain.pq_epoch
    if constant != (header.ratchet_key, header.previous_length, header.pq_epoch):
        raise Refused(SessionForked)
    _require_allowed(state.initiator, state.pq, header, bounds)
    return _take(chain, header.number, bounds)


def _from_new(
    terms: Terms, state: Ratchet, header: Header, bounds: Bounds, prekey: Term | None
) -> tuple[Ratchet, Term]:
    """2b, in the order of its steps."""
    ours = prekey if state.sending is None else state.sending.ratchet_key
    if ours is None:
        raise Refused(SessionForked)
    if header.ratchet_key in {ours, state.peer_key, *(chain.ratchet_key for chain in state.chains)}:
        raise Refused(ProtocolViolation)
    if state.receiving is None and header.previous_length != 0:
        raise Refused(ProtocolViolation)
    pq, secret = model_pq.join_epoch(state.pq, header.pq_epoch)
    _require_allowed(state.initiator, pq, header, bounds)
    before = 0 if state.receiving is None else max(0, header.previous_length - state.receiving.number)
    if before + header.number > bounds.skip:
        raise Refused(TooManySkipped)
    if header.ratchet_key in WEAK_KEYS:
        raise Refused(ProtocolViolation)
    step = terms.step(state.root, header.ratchet_key, ours, secret, header.pq_epoch)
    opened = Receiving(
        header_key=state.next_receiving,
        step=step,
        is_open=True,
        ratchet_key=header.ratchet_key,
        previous_length=header.previous_length,
        pq_epoch=header.pq_epoch,
        number=0,
        skipped=frozenset(),
        evicted_below=0,
    )
    chain, taken = _take(opened, header.number, bounds)
    closed = () if state.receiving is None else (_closed(state.receiving, header.previous_length),)
    moved = state._replace(
        root=root_key(step),
        next_receiving=header_key(step),
        peer_key=header.ratchet_key,
        pq=pq,
        previous_length=0 if state.sending is None else state.sending.number,
        sending=None,
        receiving=chain,
        closed=closed + state.closed,
        since_dh=1,
        since_pq=state.since_pq + 1 if secret is None else 1,
    )
    return _bounded(moved, bounds), taken


def _require_allowed(initiator: bool, pq: Pq, header: Header, bounds: Bounds) -> None:  # noqa: FBT001
    if header.number >= bounds.length or header.previous_length > bounds.length:
        raise Refused(ProtocolViolation)
    model_pq.require_allowed(pq, header.pq_epoch, header.chunk, from_initiator=not initiator)


def _take(chain: Receiving, number: int, bounds: Bounds) -> tuple[Receiving, Term]:
    taken = message_key(chain.step, number)
    if number < chain.number:
        if number in chain.skipped:
            return chain._replace(skipped=chain.skipped - {number}), taken
        raise Refused(MessageKeyEvicted if number < chain.evicted_below else DuplicateMessage)
    if not chain.is_open:
        raise Refused(AuthenticationError)
    if number - chain.number > bounds.skip:
        raise Refused(TooManySkipped)
    skipped = chain.skipped | set(range(chain.number, number))
    return chain._replace(skipped=skipped, number=number + 1), taken


def _closed(chain: Receiving, length: int) -> Receiving:
    missing = set(range(chain.number, length))
    return chain._replace(is_open=False, skipped=chain.skipped | missing, number=max(chain.number, length))


def _counted(state: Ratchet) -> Ratchet:
    return state._replace(since_dh=state.since_dh + 1, since_pq=state.since_pq + 1)


def _bounded(state: Ratchet, bounds: Bounds) -> Ratchet:
    dropped = sum(len(chain.skipped) for chain in state.closed[bounds.closed :])
    state = state._replace(closed=state.closed[: bounds.closed])
    return _evicted(state, max(0, state.stored - bounds.stored), dropped)


def forget(state: Ratchet) -> Ratchet:
    return _evicted(state, state.stored, 0)


def _evicted(state: Ratchet, count: int, dropped: int) -> Ratchet:
    """Without the `count` oldest keys: the oldest chain first, its lowest number first."""
    if count + dropped == 0:
        return state
    chains = list(state.chains)
    oldest = [(place, number) for place in reversed(range(len(chains))) for number in sorted(chains[place].skipped)]
    for place, number in oldest[:count]:
        chain = chains[place]
        chains[place] = chain._replace(skipped=chain.skipped - {number}, evicted_below=number + 1)
    return state._replace(
        receiving=chains[0],
        closed=tuple(chains[1:]),
        evicted=state.evicted + count + dropped,
        last_eviction=count + dropped,
    )


# --- the session around it ----------------------------------------------------------------------


class Letter(NamedTuple):
    """A message as it was sent.

    Attributes:
        name: the order of sending.
        message: its bytes.
        plaintext: what must come out.
        associated_data: bound to it.
        handshake: of its session.
        from_initiator: who sent it.
        initial: whether a prefix is in front.
        sealed: header and keys.
    """

    name: int
    message: bytes
    plaintext: bytes
    associated_data: bytes
    handshake: Handshake
    from_initiator: bool
    initial: bool
    sealed: Sealed


class Envelope(NamedTuple):
    """What arrives: a letter, unharmed or not.

    Attributes:
        message: the bytes.
        letter: where the header comes from.
        framing: the condition that its outer form meets, before anything is looked at.
        initial: whether a prefix is in front.
        prefix: "intact", "malformed", "invalid key", "unknown" or "false".
        header_ok: the header, its nonce, and what it is bound to are the letter's.
        body_ok: likewise the body.
        what: what was done to it.
    """

    message: bytes
    letter: Letter
    initial: bool
    framing: type[RatchetError] | None = None
    prefix: str = "intact"
    header_ok: bool = True
    body_ok: bool = True
    what: str = "unharmed"


class SessionModel(NamedTuple):
    """One side of a session."""

    handshake: Handshake
    initiator: bool
    confirmed: bool
    ratchet: Ratchet

    def recognises(self, envelope: Envelope) -> bool:
        return (
            not self.initiator
            and envelope.initial
            and envelope.prefix == "intact"
            and envelope.letter.handshake == self.handshake
        )

    def receive(
        self,
        terms: Terms,
        envelope: Envelope,
        bounds: Bounds,
        associated_data: bytes,
        max_plaintext: int,
        prekey: Term | None = None,
    ) -> SessionModel:
        """After the message; its plaintext is the letter's."""
        letter = envelope.letter
        if envelope.framing is not None:
            raise Refused(envelope.framing)
        if (envelope.initial and not self.recognises(envelope)) or not envelope.header_ok:
            raise Refused(AuthenticationError)
        header = letter.sealed.header
        moved, key = receive(terms, self.ratchet, letter.sealed.header_key, header, bounds, prekey)
        bound = associated_data == letter.associated_data
        if not (envelope.body_ok and bound and key == letter.sealed.message_key):
            raise Refused(AuthenticationError)
        if len(letter.plaintext) > max_plaintext:
            raise Refused(MalformedMessage)
        moved = moved._replace(pq=model_pq.absorb(moved.pq, header.pq_epoch, header.chunk))
        return self._replace(ratchet=moved, confirmed=True)
