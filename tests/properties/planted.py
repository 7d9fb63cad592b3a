"""Defects to plant in the library: each is one that somebody has shipped, or could."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest.mock import patch

from properties.observe import DECRYPT, ENCRYPT

from ratchetlib.errors import DuplicateMessage
from ratchetlib.handshake.accept import Accepted
from ratchetlib.prekeys.contents import RingContents
from ratchetlib.prekeys.records import BundleRecord
from ratchetlib.primitives import dh
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet import Binding
from ratchetlib.ratchet.chains import ReceivingChain
from ratchetlib.ratchet.pq.states import Collecting, PqState, Ready
from ratchetlib.session.state import SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MACHINE, _PQ_CODEC, _STREAMS, _CODEC, _SKIPPED, _ACCEPT, _ESTABLISH, _VAULT, _SCHEDULE, _SESSION = (
    importlib.import_module(f"ratchetlib.{name}")
    for name in (
        "ratchet.pq.machine",
        "ratchet.pq.codec",
        "ratchet.pq.streams",
        "ratchet.codec",
        "ratchet.skipped",
        "handshake.accept",
        "session.establish",
        "state.vault",
        "handshake.schedule",
        "session.session",
    )
)


class Defect(NamedTuple):
    """One defect.

    Attributes:
        part: of the library where it is.
        owner: what holds the function that is replaced.
        name: of the function.
        wrong: makes the wrong function of the right one.
        machine: which finds it, by the name of its class.
        lockstep: only the reference can see it: both sides are wrong alike.
    """

    part: str
    owner: Any
    name: str
    wrong: Callable[[Any], Any]
    machine: str = "NarrowConversations"
    lockstep: bool = False


@contextmanager
def planted(defect: Defect) -> Iterator[None]:
    right = defect.owner.__dict__[defect.name]
    genuine = right.__func__ if isinstance(right, classmethod | staticmethod) else right
    wrong = defect.wrong(genuine)
    with patch.object(defect.owner, defect.name, type(right)(wrong) if genuine is not right else wrong):
        yield


def _nothing(_right: Any) -> Any:
    return lambda *_, **__: None


def _first(_right: Any) -> Any:
    """Returns what it was given."""
    return lambda value, *_, **__: value


def _changed(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What comes out is changed."""
    return lambda right: lambda *arguments, **named: change(right(*arguments, **named))


def _never(_right: Any) -> Any:
    return property(lambda _self: False)


# --- ratchet ------------------------------------------------------------------------------------


def _popped_before_the_tag(right: Any) -> Any:
    def take(self: Any, number: int) -> Any:
        taken = right(self, number)
        self.skipped.pop(number)
        return taken

    return take


def _kept_after_use(_right: Any) -> Any:
    def take(self: Any, number: int) -> Any:
        if number not in self.skipped:
            raise DuplicateMessage
        return self, self.skipped[number]

    return take


def _newest_first(_right: Any) -> Any:
    def evict(self: Any, count: int) -> Any:
        numbers = list(self.skipped)
        kept = {number: self.skipped[number] for number in numbers[: len(numbers) - count]}
        return self._replace(skipped=kept)

    return evict


def _without_its_gap(_right: Any) -> Any:
    return lambda self, _length: self._replace(chain_key=None)


def _with_its_chain_key(right: Any) -> Any:
    """Closed, and yet able to go on."""
    return lambda self, length: right(self, length)._replace(chain_key=self.chain_key)


def _with_the_old_ratchet_key(right: Any) -> Any:
    def step(state: Any, *rest: Any) -> Any:
        stepped, key = right(state, *rest)
        return stepped._replace(sending=state.sending), key

    return step


def _one_header_key(right: Any) -> Any:
    return _changed(lambda step: step._replace(next_header_key=HeaderKey(bytes(32))))(right)


def _one_ratchet_key(right: Any) -> Any:
    made = right()
    return lambda: made


def _fixed_nonce(_right: Any) -> Any:
    return lambda length: bytes(range(length))


def _unbound(right: Any) -> Any:
    return lambda self, sealed_header, _associated_data: right(self, sealed_header, b"")


def _one_more(right: Any) -> Any:
    """Each chain is said to be one longer than it was."""
    return _changed(lambda turn: turn._replace(previous_length=turn.previous_length + 1))(right)


def _length_one_too_many(right: Any) -> Any:
    def step(state: Any, *rest: Any) -> Any:
        stepped, key = right(state, *rest)
        return stepped._replace(turn=_one_more(lambda: stepped.turn)()), key

    return step


# --- state --------------------------------------------------------------------------------------


def _forgetting(**fields: Any) -> Callable[[Any], Any]:
    """Written without these fields."""
    return lambda right: lambda value: right(value._replace(**fields))


def _unconfirmed_again(_right: Any) -> Any:
    """A reply does not confirm."""
    return lambda self, ratchet: SessionState.of(
        self.facts, ratchet, unconfirmed=self.unconfirmed, accepted_prefix=self.accepted_prefix
    )


# --- post-quantum -------------------------------------------------------------------------------


def _first_chunk_stays(_right: Any) -> Any:
    return lambda collected, chunk: {chunk.point: chunk.data, **collected}


def _same_chunk_again(right: Any) -> Any:
    def next_chunk(state: Any) -> Any:
        moved, chunk = right(state)
        return moved._replace(point=state.point), chunk

    return next_chunk


def _secret_left_out(right: Any) -> Any:
    return lambda state, epoch: (right(state, epoch)[0], None)


def _epoch_stays(right: Any) -> Any:
    def open_chain(state: Any, session_id: bytes) -> Any:
        if isinstance(state.phase, Ready):
            return PqState(state.epoch, Collecting({})), state.phase.secret
        return right(state, session_id)

    return open_chain


def _any_epochs_chunk(right: Any) -> Any:
    return lambda state, _epoch, chunk, session_id: right(state, state.epoch, chunk, session_id)


def _not_mixed(right: Any) -> Any:
    return lambda root, agreed, _secret, **named: right(root, agreed, None, **named)


def _mixed_again(right: Any) -> Any:
    """The secret stays when it has been mixed: the next chain would mix it again."""

    def join(state: Any, epoch: int) -> Any:
        joined, secret = right(state, epoch)
        return (joined if secret is None else PqState(joined.epoch, state.phase)), secret

    return join


def _unconfirmed_answer(right: Any) -> Any:
    """Decapsulation is believed without its confirmation."""

    def read(session_id: bytes, epoch: int, seed: Any, offered: bytes, collected: Any) -> Any:
        secret = right(session_id, epoch, seed, offered, collected)
        return _STREAMS.PqSecret(bytes(32)) if secret is None else secret

    return read


# --- handshake and prekeys ----------------------------------------------------------------------


def _lenient_with_the_pinned(right: Any) -> Any:
    """Whoever is pinned is not looked at further."""
    return lambda bundle, **demands: demands["expected_identity"] or right(bundle, **demands)


def _without_dh4(right: Any) -> Any:
    return lambda *arguments: right(*arguments[:-1], arguments[-1]._replace(dh4=None))


def _without_retention(_right: Any) -> Any:
    return lambda self, now: now <= self.bundle.not_after


def _for_ever(_right: Any) -> Any:
    return lambda _self, _now: True


DEFECTS: Final[dict[str, Defect]] = {
    "a skipped key is gone before its tag was checked": Defect(
        "ratchet", ReceivingChain, "_take_skipped", _popped_before_the_tag
    ),
    "a skipped key stays after its use": Defect("ratchet", ReceivingChain, "_take_skipped", _kept_after_use),
    "PN is ignored": Defect("ratchet", ReceivingChain, "close", _without_its_gap),
    "PN is one too many": Defect("ratchet", DECRYPT, "_dh_ratchet", _length_one_too_many),
    "a closed chain keeps its chain key": Defect("ratchet", ReceivingChain, "close", _with_its_chain_key),
    "the newest keys are evicted": Defect("ratchet", ReceivingChain, "evict", _newest_first),
    "nothing is evicted": Defect("ratchet", DECRYPT, "bounded", _first),
    "the gap is not bounded": Defect("ratchet", DECRYPT, "_require_gap_allowed", _nothing),
    "a contradiction within a chain is not seen": Defect("ratchet", ReceivingChain, "require_constant", _nothing),
    "an old ratchet key is taken for a new one": Defect("ratchet", DECRYPT, "_require_fresh", _nothing),
    "the ratchet private key stays": Defect("ratchet", DECRYPT, "_dh_ratchet", _with_the_old_ratchet_key),
    "the sender's next header key is always the same": Defect("ratchet", ENCRYPT, "root_step", _one_header_key),
    "the ratchet key is always the same": Defect("ratchet", dh, "generate", _one_ratchet_key),
    "the nonce is always the same": Defect("ratchet", ENCRYPT, "random_bytes", _fixed_nonce),
    "associated data is not bound": Defect("ratchet", Binding, "body_data", _unbound),
    "a reply does not confirm": Defect("session", SessionState, "confirmed", _unconfirmed_again),
    "another identity is taken": Defect("handshake", _ESTABLISH, "_refusal", _nothing, "Handshakes"),
    "a pinned peer's bundle may be of any age": Defect(
        "handshake", _SESSION, "require_acceptable", _lenient_with_the_pinned, "Handshakes"
    ),
    "a replay is not seen": Defect("handshake", Accepted, "replayed", _never, "Handshakes"),
    "the time of a handshake is not judged": Defect("handshake", _ACCEPT, "_require_sound", _nothing, "Handshakes"),
    "DH4 is left out": Defect("handshake", _SCHEDULE, "session_secrets", _without_dh4, "Handshakes", lockstep=True),
    "a handshake leaves no trace": Defect("prekeys", RingContents, "settled", _first, "Handshakes"),
    "a handshake is not remembered": Defect("prekeys", BundleRecord, "remembering", _first, "Handshakes"),
    "a bundle is dropped at its end": Defect("prekeys", BundleRecord, "alive", _without_retention, "Handshakes"),
    "a bundle lives for ever": Defect("prekeys", BundleRecord, "alive", _for_ever, "Handshakes"),
    "evicted_below is not saved": Defect("state", _CODEC, "_encode_chain", _forgetting(evicted_below=0)),
    "skipped keys are not saved": Defect("state", _CODEC, "_encode_chain", _forgetting(skipped={})),
    "the next chunk's index is not saved": Defect("state", _PQ_CODEC, "encode", _forgetting(point=0)),
    "the anchor is not asked": Defect("state", _VAULT, "_advance", _nothing),
    "the generation is not looked at": Defect("state", _VAULT, "_require_not_older", _nothing),
    "a false chunk stays": Defect("post-quantum", _MACHINE, "collect", _first_chunk_stays, "Exchanges"),
    "the same chunk goes out for ever": Defect("post-quantum", ENCRYPT, "next_chunk", _same_chunk_again),
    "the receiver leaves the secret out": Defect("post-quantum", DECRYPT, "join_epoch", _secret_left_out),
    "the epoch does not grow": Defect("post-quantum", ENCRYPT, "open_chain", _epoch_stays),
    "chunks of any epoch are taken": Defect("post-quantum", DECRYPT, "absorb", _any_epochs_chunk, "Exchanges"),
    "a header may say anything": Defect("post-quantum", DECRYPT, "require_allowed", _nothing),
    "an answer is believed": Defect("post-quantum", _STREAMS, "read_answer", _unconfirmed_answer, "Exchanges"),
    "a mixed secret stays": Defect("post-quantum", DECRYPT, "join_epoch", _mixed_again),
    "no secret is mixed": Defect("post-quantum", ENCRYPT, "root_step", _not_mixed),
}
"""What is wrong, by what it is."""
