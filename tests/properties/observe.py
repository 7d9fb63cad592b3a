"""What is seen of the library while it works: its states as figures and keys, and the calls of its primitives."""

from __future__ import annotations

import importlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from properties import model_pq
from properties.terms import chain_key, message_key

from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.primitives import seal
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from properties.model import Ratchet, SessionModel
    from properties.terms import Term

    from ratchetlib import Session
    from ratchetlib.ratchet.pq import PqState
    from ratchetlib.ratchet.state import RatchetState

ENCRYPT, DECRYPT, CHAINS = (
    importlib.import_module(f"ratchetlib.ratchet.{name}") for name in ("encrypt", "decrypt", "chains")
)
"""The modules: the package's attributes of the first two names are functions."""


class Ledger:
    """Which bytes stand for which term: one for one, in a whole run and on both sides.

    Attributes:
        conflicts: a term with two values, or a value of two terms.
    """

    def __init__(self) -> None:
        self._raw: dict[Term, bytes] = {}
        self._term: dict[bytes, Term] = {}
        self.conflicts: list[str] = []

    def same(self, term: Term, raw: bytes) -> None:
        """The term is these bytes."""
        known = self._raw.setdefault(term, raw)
        if known != raw:
            self.conflicts.append(f"{term} is another value than before")
        meant = self._term.setdefault(raw, term)
        if meant != term:
            self.conflicts.append(f"{term} has the value of {meant}")

    def raw(self, term: Term) -> bytes | None:
        return self._raw.get(term)

    def term(self, raw: bytes) -> Term | None:
        return self._term.get(raw)

    def of_kind(self, kind: str) -> list[tuple[Term, bytes]]:
        return [(term, raw) for term, raw in self._raw.items() if term[0] == kind]


@dataclass
class Calls:
    """What one call of the library did.

    Attributes:
        bodies: key and nonce of each body sealed.
        headers: key and nonce of each header sealed.
        opened: the keys under which bodies were opened, or not.
        trials: the keys under which headers were opened, or not, in order.
        chain_steps: how many.
        root_steps: how many.
    """

    bodies: list[tuple[bytes, bytes]] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    opened: list[bytes] = field(default_factory=list)
    trials: list[bytes] = field(default_factory=list)
    chain_steps: int = 0
    root_steps: int = 0


class Spies:
    """Records the calls of the primitives into `calls`, which is replaced before each action."""

    def __init__(self) -> None:
        self.calls = Calls()
        self._stack = ExitStack()

    def fresh(self) -> Calls:
        self.calls = Calls()
        return self.calls

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is tried out on the side leaves no trace."""
        kept, self.calls = self.calls, Calls()
        yield
        self.calls = kept

    def install(self) -> None:
        for owner, name, spy in (
            (seal, "seal", self._sealing(seal.seal)),
            (seal, "open_", self._opening(seal.open_)),
            (HeaderKey, "seal", self._header_sealing(HeaderKey.seal)),
            (HeaderKey, "open", self._header_opening(HeaderKey.open)),
            (ENCRYPT, "chain_step", self._stepping(ENCRYPT.chain_step, "chain_steps")),
            (CHAINS, "chain_step", self._stepping(CHAINS.chain_step, "chain_steps")),
            (ENCRYPT, "root_step", self._stepping(ENCRYPT.root_step, "root_steps")),
            (DECRYPT, "root_step", self._stepping(DECRYPT.root_step, "root_steps")),
        ):
            self._stack.enter_context(patch.object(owner, name, spy))

    def remove(self) -> None:
        self._stack.close()

    def _sealing(self, genuine: Any) -> Any:
        def spy(key: Any, person: bytes, nonce: bytes, *rest: bytes) -> Any:
            if person == PERSON_SEAL_BODY:
                self.calls.bodies.append((key.raw, nonce))
            return genuine(key, person, nonce, *rest)

        return spy

    def _opening(self, genuine: Any) -> Any:
        def spy(key: Any, person: bytes, *rest: bytes) -> Any:
            if person == PERSON_SEAL_BODY:
                self.calls.opened.append(key.raw)
            return genuine(key, person, *rest)

        return spy

    def _header_sealing(self, genuine: Any) -> Any:
        def spy(key: Any, nonce: bytes, *rest: bytes) -> Any:
            self.calls.headers.append((key.raw, nonce))
            return genuine(key, nonce, *rest)

        return spy

    def _header_opening(self, genuine: Any) -> Any:
        def spy(key: Any, *rest: bytes) -> Any:
            self.calls.trials.append(key.raw)
            return genuine(key, *rest)

        return spy

    def _stepping(self, genuine: Any, counter: str) -> Any:
        def spy(*args: Any, **kwargs: Any) -> Any:
            setattr(self.calls, counter, getattr(self.calls, counter) + 1)
            return genuine(*args, **kwargs)

        return spy


# --- a state, and what the model says that it is --------------------------------------------------


def figures(session: Session) -> dict[str, Any]:
    """Everything in a session that is no key."""
    state = session._state.ratchet
    return {
        "confirmed": session.confirmed,
        "sending": state.sending and (state.sending.number, state.sending.pq_epoch),
        "previous length": state.turn.previous_length,
        "chains": [
            (chain.chain_key is not None, chain.previous_length, chain.pq_epoch, chain.number, chain.evicted_below)
            for chain in state.chains
        ],
        "skipped": [tuple(chain.skipped) for chain in state.chains],
        "exchange": (state.pq.epoch, type(state.pq.phase).__name__, state.pq.point),
        "collected": sorted(getattr(state.pq.phase, "collected", ())),
        "counts": (state.since_dh_step, state.since_pq_step, state.evicted, state.last_eviction),
    }


def expected_figures(model: SessionModel) -> dict[str, Any]:
    """The same of the model."""
    state = model.ratchet
    return {
        "confirmed": model.confirmed,
        "sending": state.sending and (state.sending.number, state.sending.pq_epoch),
        "previous length": state.previous_length,
        "chains": [
            (chain.is_open, chain.previous_length, chain.pq_epoch, chain.number, chain.evicted_below)
            for chain in state.chains
        ],
        "skipped": [tuple(sorted(chain.skipped)) for chain in state.chains],
        "exchange": (state.pq.epoch, state.pq.phase.value, state.pq.at),
        "collected": sorted(state.pq.collected),
        "counts": (state.since_dh, state.since_pq, state.evicted, state.last_eviction),
    }


def bind(ledger: Ledger, session: Session, model: SessionModel) -> None:
    """Every key of a session, held against the term that the model has in its place."""
    ledger.same(("session id", model.handshake.name), session.session_id)
    real, state = session._state.ratchet, model.ratchet
    ledger.same(state.root, real.turn.root_key.raw)
    ledger.same(state.next_sending, real.turn.next_sending_key.raw)
    ledger.same(state.next_receiving, real.turn.next_receiving_key.raw)
    ledger.same(state.peer_key, real.turn.peer_ratchet_key)
    _bind_sending(ledger, real, state)
    for chain, expected in zip(real.chains, state.chains, strict=False):
        ledger.same(expected.header_key, chain.header_key.raw)
        ledger.same(expected.ratchet_key, chain.ratchet_key)
        if chain.chain_key is not None:
            ledger.same(chain_key(expected.step, chain.number), chain.chain_key.raw)
        for number, key in chain.skipped.items():
            ledger.same(message_key(expected.step, number), key.raw)
    _bind_exchange(ledger, real.pq, state.pq)


def _bind_sending(ledger: Ledger, real: RatchetState, state: Ratchet) -> None:
    if real.sending is None or state.sending is None:
        return
    expected = state.sending
    ledger.same(expected.ratchet_key, real.sending.key_pair.public)
    ledger.same(("private", expected.ratchet_key), real.sending.key_pair.private.raw)
    ledger.same(expected.header_key, real.sending.header_key.raw)
    ledger.same(chain_key(expected.step, expected.number), real.sending.chain_key.raw)


def _bind_exchange(ledger: Ledger, real: PqState, state: model_pq.Pq) -> None:
    if type(real.phase).__name__ != state.phase.value:
        return
    for index, stream in state.collected.items():
        collected = real.phase.collected if isinstance(real.phase, Carrying | Collecting) else {}
        if index in collected:
            ledger.same(("chunk", stream, index), collected[index])
    if state.holds is None:
        return
    match real.phase:
        case Carrying(seed):
            ledger.same(("seed", state.holds), seed.raw)
        case HasKey(key):
            ledger.same(("encapsulation key", state.holds), key)
        case Ready(secret):
            ledger.same(state.holds, secret.raw)
        case Answering(secret):
            ledger.same(model_pq.secret_of(state.holds), secret.raw)
        case _:
            pass
