"""erasure.json and pq_epochs.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from generator.document import Document
from generator.people import pick
from generator.stream import encapsulate
from ratchetlib.keys import KemPublicKey, KemSeed
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet.pq import codec, streams
from ratchetlib.ratchet.pq.erasure import Encoder
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Idle, PqState, Ready
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, KEY_CODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from generator.document import Group
    from ratchetlib.ratchet.pq.erasure import Code

_SESSION: Final = pick("pq session id")
_CODES: Final = {"key": KEY_CODE, "ciphertext": CIPHERTEXT_CODE}


def documents() -> Iterator[Document]:
    """The files."""
    yield _erasure()
    yield _epochs()


def _erasure() -> Document:
    document = Document("erasure", "The erasure code: chunks at every point, streams from any k of them.")
    encode = document.group("ErasureEncode", "A stream's chunks at some points.")
    decode = document.group("ErasureDecode", "A stream from chunks.")
    for name, code in _CODES.items():
        stream = pick(f"erasure {name}", code.k * 96)
        every = list(range(code.points))
        encode.valid(f"{name} stream, all points", "Erasure", "Limit", code=name, stream=stream, indices=every)
        single = bytes(96 * 3) + b"\1" + bytes(len(stream) - 96 * 3 - 1)
        encode.valid(f"{name} stream of one set bit", "Erasure", code=name, stream=single, indices=[3, 13, 63])
        for index, flag in ((64, "Limit"), (-1, "Limit"), (255, "UnknownType")):
            encode.invalid(
                f"{name} stream at point {index}", flag, error="UsageError", layer="caller",
                code=name, stream=stream, indices=[index],
            )  # fmt: skip
        for length in (0, len(stream) - 1, len(stream) + 1):
            encode.invalid(
                f"{name} stream of {length} bytes", "BadLength", error="UsageError", layer="caller",
                code=name, stream=(stream + b"\0")[:length], indices=[0],
            )  # fmt: skip
        for comment, points in _subsets(code).items():
            decode.valid(f"{name} stream from {comment}", "Erasure", code=name, chunks=_listed(code, stream, points))
        _bad_sets(decode, name, code, stream)
    return document


def _subsets(code: Code) -> dict[str, Iterable[int]]:
    k, last = code.k, code.points - 1
    return {
        "its pieces": range(k),
        "its pieces in reverse": reversed(range(k)),
        "all pieces but the first": range(1, k + 1),
        "all pieces but the last": [*range(k - 1), last],
        "parity only": range(k, 2 * k),
        "the last points": range(last - k + 1, last + 1),
        "every fourth point": range(0, 4 * k, 4),
        "pieces and parity by turns": [n if n % 2 else n + 30 for n in range(k)],
    }


def _listed(code: Code, stream: bytes, points: Iterable[int]) -> list[dict[str, Any]]:
    return [{"index": index, "chunk": code.chunk(stream, index)} for index in points]


def _bad_sets(group: Group, name: str, code: Code, stream: bytes) -> None:
    good = _listed(code, stream, range(code.k))
    for comment, chunks in {
        "no chunks": [],
        "a chunk too few": good[1:],
        "a chunk twice instead of two": [good[0], *good[:-1]],
        "a chunk of 95 bytes": [*good[1:], {"index": 0, "chunk": good[0]["chunk"][1:]}],
        "a chunk of 97 bytes": [*good[1:], {"index": 0, "chunk": good[0]["chunk"] + b"\0"}],
        "a chunk at point 64": [*good[1:], {"index": 64, "chunk": good[0]["chunk"]}],
    }.items():
        group.invalid(
            f"{name} stream from {comment}", "Erasure", error="UsageError", layer="caller", code=name, chunks=chunks
        )


def _epochs() -> Document:
    document = Document("pq_epochs", "The post-quantum ratchet: streams, secrets, and every move of its machine.")
    offers = document.group("PqOffer", "A seed's key and its stream.")
    answers = document.group(
        "PqAnswer", "An encapsulation: the epoch's secret, and the stream that carries the ciphertext."
    )
    for number in range(4):
        offers.valid(f"key {number}", "PqEpoch", seed=_seed(number))
        epoch = (1, 2, 3, 2**32 - 1)[number]
        answers.valid(
            f"epoch {epoch}", "PqEpoch", "KemBinding", session_id=_SESSION, epoch=epoch, **_encapsulation(number)
        )
    same = _encapsulation(0)
    answers.valid("another session: another secret", "KemBinding", session_id=pick("pq other session"), epoch=1, **same)
    _keys(document.group("PqReadKey", "A key from its chunks. A set that does not fit together is dropped: no error."))
    _secrets(document.group("PqReadAnswer", "An epoch's secret from the ciphertext's chunks. The same holds."))
    _moves(document)
    return document


def _seed(number: int) -> bytes:
    return pick(f"pq seed {number}", 64)


def _encapsulation(number: int) -> dict[str, Any]:
    seed, m = _seed(number), pick(f"pq m {number}")
    return {"seed": seed, "m": m, "ciphertext": encapsulate("ML-KEM-768", _public(seed), m)[1]}


def _public(seed: bytes) -> KemPublicKey:
    return ML_KEM_768.public_key(KemSeed(seed))


def _answer_stream(number: int, epoch: int = 1) -> bytes:
    made = _encapsulation(number)
    secret = ML_KEM_768.decapsulate(KemSeed(made["seed"]), made["ciphertext"])
    exchange = streams.Exchange(_SESSION, epoch, _public(made["seed"]), made["ciphertext"])
    return bytes(made["ciphertext"]) + streams._derive(secret, exchange)[1] + bytes(32)


def _keys(group: Group) -> None:
    stream = streams.offer(_public(_seed(0))).stream
    parity = [*range(6), *range(20, 27)]
    group.valid("its pieces", "PqEpoch", chunks=_listed(KEY_CODE, stream, range(13)))
    group.valid("pieces and parity", "PqEpoch", "Erasure", chunks=_listed(KEY_CODE, stream, parity))
    for comment, flag, bad in (
        ("a wrong hash", "FalseChunk", stream[:1184] + bytes(32) + stream[1216:]),
        ("a tail that is not zero", "NonZeroPadding", stream[:-1] + b"\1"),
        ("another key's hash", "FalseChunk", streams.offer(_public(_seed(1))).stream[:1184] + stream[1184:]),
        ("an unreduced key with its hash", "UnreducedKey", streams.offer(KemPublicKey(b"\xff" * 1184)).stream),
        ("a key of zeros with its hash", "ZeroKey", streams.offer(KemPublicKey(bytes(1184))).stream),
    ):
        group.valid(comment, flag, ignoring=True, chunks=_listed(KEY_CODE, bad, range(13)))


def _secrets(group: Group) -> None:
    stream = _answer_stream(0)
    usual: dict[str, Any] = {"session_id": _SESSION, "epoch": 1, "seed": _seed(0)}
    group.valid("its pieces", "PqEpoch", **usual, chunks=_listed(CIPHERTEXT_CODE, stream, range(12)))
    parity = _listed(CIPHERTEXT_CODE, stream, [*range(4), *range(50, 58)])
    group.valid("pieces and parity", "PqEpoch", "Erasure", **usual, chunks=parity)
    pieces = _listed(CIPHERTEXT_CODE, stream, range(12))
    for comment, flag, change in (
        ("a changed ciphertext", "ImplicitRejection", {"chunks": _changed(stream, 0)}),
        ("a changed confirmation", "FalseChunk", {"chunks": _changed(stream, 1088)}),
        ("a tail that is not zero", "NonZeroPadding", {"chunks": _changed(stream, 1151)}),
        ("another epoch", "KemBinding", {"chunks": pieces, "epoch": 3}),
        ("another session", "KemBinding", {"chunks": pieces, "session_id": pick("pq other session")}),
        ("another key", "KemBinding", {"chunks": pieces, "seed": _seed(1)}),
    ):
        group.valid(comment, flag, ignoring=True, **{**usual, **change})


def _changed(stream: bytes, at: int) -> list[dict[str, Any]]:
    bad = stream[:at] + bytes([stream[at] ^ 1]) + stream[at + 1 :]
    return _listed(CIPHERTEXT_CODE, bad, range(12))


class _Sides:
    """Every phase of one epoch's exchange, after so many secrets in the root."""

    def __init__(self, epoch: int) -> None:
        made = _encapsulation(0)
        key = _public(made["seed"])
        self.key, self.answer = streams.offer(key), _answer_stream(0, epoch + 1)
        secret = streams.read_answer(
            _SESSION,
            epoch + 1,
            KemSeed(made["seed"]),
            self.key.stream,
            _mapped(CIPHERTEXT_CODE, self.answer, range(12)),
        )
        if secret is None:
            raise RuntimeError("the answer does not fit the key")
        self.epoch = epoch
        self.idle = PqState(epoch, Idle())
        self.carrying = PqState(epoch, Carrying(KemSeed(made["seed"]), self.key, {}), 13)
        self.ready = PqState(epoch, Ready(secret))
        self.collecting = PqState(epoch, Collecting({}))
        self.has_key = PqState(epoch, HasKey(key))
        self.answering = PqState(epoch, Answering(secret, Encoder(CIPHERTEXT_CODE, self.answer)), 63)

    def carrying_with(self, points: Iterable[int]) -> PqState:
        """Carrying, some ciphertext chunks there."""
        phase = self.carrying.phase
        if not isinstance(phase, Carrying):
            raise TypeError
        collected = _mapped(CIPHERTEXT_CODE, self.answer, points)
        return PqState(self.epoch, Carrying(phase.seed, phase.encoder, collected), 13)

    def collecting_with(self, points: Iterable[int]) -> PqState:
        """Collecting, some key chunks there."""
        return PqState(self.epoch, Collecting(_mapped(KEY_CODE, self.key.stream, points)))

    def owners(self) -> Iterator[tuple[str, PqState]]:
        """The owner's phases."""
        yield from (("Idle", self.idle), ("Carrying", self.carrying), ("Ready", self.ready))

    def others(self) -> Iterator[tuple[str, PqState]]:
        """The other side's phases."""
        yield from (("Collecting", self.collecting), ("HasKey", self.has_key), ("Answering", self.answering))

    def key_chunk(self, index: int) -> dict[str, Any]:
        """As a header carries it."""
        return {"chunk_kind": 1, "chunk_index": index, "chunk_data": KEY_CODE.chunk(self.key.stream, index)}

    def ciphertext_chunk(self, index: int) -> dict[str, Any]:
        """As a header carries it."""
        return {"chunk_kind": 2, "chunk_index": index, "chunk_data": CIPHERTEXT_CODE.chunk(self.answer, index)}


def _mapped(code: Code, stream: bytes, points: Iterable[int]) -> Mapping[int, bytes]:
    return {index: code.chunk(stream, index) for index in points}


def _moves(document: Document) -> None:
    group = document.group("PqMove", "One event of the machine, in every phase.")
    for epoch in (0, 3):
        sides = _Sides(epoch)
        _Moves(group, sides, owner_is_initiator=epoch % 2 == 0).all()


class _Moves:
    """The machine's events in every phase of one epoch."""

    def __init__(self, group: Group, sides: _Sides, *, owner_is_initiator: bool) -> None:
        self._group = group
        self._sides = sides
        self._owner = owner_is_initiator

    def all(self) -> None:
        """All of them."""
        for name, state in (*self._sides.owners(), *self._sides.others()):
            self._opens(name, state)
            self._valid(f"{name} sends", "PqEpoch", state, event="sends")
            self._next_chain(name, state)
        self._collects()
        self._refuses()

    def _opens(self, name: str, state: PqState) -> None:
        inputs: dict[str, Any] = {}
        if name == "Idle":
            inputs = {"seed": _seed(2)}
        if name == "HasKey":
            made = _encapsulation(0)
            inputs = {"m": made["m"], "ciphertext": made["ciphertext"], "session_id": _SESSION}
        self._valid(f"{name} opens a chain", "PqEpoch", state, event="opens chain", **inputs)

    def _next_chain(self, name: str, state: PqState) -> None:
        epoch = state.epoch
        self._valid(f"{name} receives a chain of its epoch", "PqEpoch", state, event="next chain", pq_epoch=epoch)
        if name == "Answering":
            self._valid(
                "Answering receives a chain of the next epoch",
                "PqEpoch",
                state,
                event="next chain",
                pq_epoch=epoch + 1,
                ignoring=True,
            )
        else:
            self._refused(f"{name} receives a chain of the next epoch", state, event="next chain", pq_epoch=epoch + 1)
        self._refused(f"{name} receives a chain two epochs ahead", state, event="next chain", pq_epoch=epoch + 2)
        if epoch:
            self._refused(f"{name} receives a new chain of an old epoch", state, event="next chain", pq_epoch=epoch - 1)

    def _collects(self) -> None:
        sides, epoch = self._sides, self._sides.epoch
        self._received("Collecting takes a first chunk", "PqEpoch", sides.collecting, epoch, sides.key_chunk(40))
        self._received(
            "Collecting takes a chunk again", "Duplicate", sides.collecting_with([2, 40]), epoch, sides.key_chunk(40)
        )
        self._received(
            "Collecting takes the last chunk", "PqEpoch", sides.collecting_with(range(12)), epoch, sides.key_chunk(63)
        )
        self._received("Carrying takes a first chunk", "PqEpoch", sides.carrying, epoch, sides.ciphertext_chunk(5))
        full = sides.carrying_with(range(11))
        last = {**sides.ciphertext_chunk(63), "session_id": _SESSION}
        self._received("Carrying takes the last chunk", "PqEpoch", full, epoch, last, ignoring=True)
        false = {"chunk_data": pick("false chunk", 96)}
        for comment, state, chunk in (
            ("Collecting drops a set with a false chunk", sides.collecting_with(range(12)), sides.key_chunk(63)),
            ("Carrying drops a set with a false chunk", full, last),
            ("Collecting restarts at a contradiction", sides.collecting_with([2, 40]), sides.key_chunk(40)),
            ("Carrying restarts at a contradiction", sides.carrying_with([1, 9]), sides.ciphertext_chunk(9)),
        ):
            self._received(comment, "FalseChunk", state, epoch, {**chunk, **false}, ignoring=True)
        for name, state in (("Ready", sides.ready),):
            self._ignored(f"{name} ignores a chunk of a finished set", state, epoch, sides.ciphertext_chunk(9))
        for name, state in (("HasKey", sides.has_key), ("Answering", sides.answering)):
            self._ignored(f"{name} ignores a chunk of a finished set", state, epoch, sides.key_chunk(9))
        idle = {"chunk_kind": 0, "chunk_index": 0, "chunk_data": bytes(96)}
        for name, state in (*sides.owners(), *sides.others()):
            self._received(f"{name} receives nothing", "PqEpoch", state, epoch, idle)

    def _refuses(self) -> None:
        sides, epoch = self._sides, self._sides.epoch
        for name, state in sides.owners():
            self._refused(f"{name} is sent a key chunk", state, event="receives", pq_epoch=epoch, **sides.key_chunk(0))
        for name, state in sides.others():
            self._refused(
                f"{name} is sent a ciphertext chunk",
                state,
                event="receives",
                pq_epoch=epoch,
                **sides.ciphertext_chunk(0),
            )
        self._refused(
            "Idle is sent a ciphertext", sides.idle, event="receives", pq_epoch=epoch, **sides.ciphertext_chunk(0)
        )
        some = {"event": "receives", "pq_epoch": epoch}
        for member, value in (("kind", 3), ("kind", 255), ("index", 64), ("index", 255)):
            bad = {**sides.key_chunk(0), f"chunk_{member}": value}
            self._refused(f"a chunk of {member} {value}", sides.collecting, **some, **bad)
        for comment, index, data in (
            ("an idle field with an index", 1, bytes(96)),
            ("an idle field with data", 0, bytes(95) + b"\1"),
        ):
            self._refused(comment, sides.collecting, **some, chunk_kind=0, chunk_index=index, chunk_data=data)

    def _received(
        self, comment: str, flag: str, state: PqState, epoch: int, chunk: dict[str, Any], *, ignoring: bool = False
    ) -> None:
        self._valid(comment, flag, state, event="receives", pq_epoch=epoch, ignoring=ignoring, **chunk)

    def _ignored(self, comment: str, state: PqState, epoch: int, chunk: dict[str, Any]) -> None:
        self._received(comment, "PqEpoch", state, epoch, chunk, ignoring=True)

    def _valid(self, comment: str, flag: str, state: PqState, **inputs: Any) -> None:
        self._group.valid(f"{comment}, after {state.epoch}", flag, **self._before(state), **inputs)

    def _refused(self, comment: str, state: PqState, **inputs: Any) -> None:
        self._group.invalid(
            f"{comment}, after {state.epoch}",
            "PqRole",
            error="ProtocolViolation",
            layer="pq",
            **self._before(state),
            **inputs,
        )

    def _before(self, state: PqState) -> dict[str, Any]:
        owner = isinstance(state.phase, Idle | Carrying | Ready)
        return {"initiator": owner == self._owner, "before": codec.encode(state)}
