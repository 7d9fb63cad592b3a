"""The post-quantum ratchet: erasure code, streams, secrets, and the machine's every move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ratchetlib.cli.verify.draws import Draws, Given, Roles
from ratchetlib.cli.verify.fields import BadVectorError, as_hex
from ratchetlib.cli.verify.kinds.keys import complemented
from ratchetlib.errors import StateTampered
from ratchetlib.keys import KemSeed
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet.pq import Chunk, absorb, codec, join_epoch, next_chunk, open_chain, require_allowed, streams
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs
    from ratchetlib.ratchet.pq import PqState

CODES: Final = {"key": streams.KEY_CODE, "ciphertext": streams.CIPHERTEXT_CODE}


def _chunks(fields: Fields) -> dict[int, bytes]:
    return {part.number("index"): part.hex("chunk") for part in fields.parts("chunks")}


def encode(fields: Fields) -> Outputs:
    """A stream's chunks at some points."""
    code, stream = CODES[fields.text("code")], fields.hex("stream")
    return {"chunks": [code.chunk(stream, index).hex() for index in fields.numbers("indices")]}


def decode(fields: Fields) -> Outputs:
    """A stream, rebuilt."""
    return as_hex(stream=CODES[fields.text("code")].decode(_chunks(fields)))


def offer(fields: Fields) -> Outputs:
    """A seed's key and its stream; what the seed makes of a ciphertext that is nobody's shows its second half."""
    seed = KemSeed(fields.hex("seed"))
    key = ML_KEM_768.public_key(seed)
    rejected = ML_KEM_768.decapsulate(seed, bytes(ML_KEM_768.ciphertext_length))
    return as_hex(key=key, stream=streams.offer(key).stream, rejected=rejected.raw)


def answer(fields: Fields) -> Outputs:
    """An encapsulation to a key: the epoch's secret and the stream that carries the ciphertext."""
    seed, m, ciphertext = KemSeed(fields.hex("seed")), fields.hex("m"), fields.hex("ciphertext")
    draws = Draws(Given({"kem768_m": m}, ciphertext))
    draws.know(ML_KEM_768, seed)
    session_id, epoch, key = fields.hex("session_id"), fields.number("epoch"), ML_KEM_768.public_key(seed)
    with draws.during(fields, "", Roles.SEND):
        secret, encoder = streams.answer(session_id, epoch, key)
    return as_hex(
        kem_secret=ML_KEM_768.decapsulate(seed, ciphertext).raw,
        rejected=ML_KEM_768.decapsulate(seed, complemented(ciphertext)).raw,
        secret=secret.raw,
        stream=encoder.stream,
    )


def read_key(fields: Fields) -> Outputs:
    """A key from its chunks: none where the set is dropped, which is no error."""
    key = streams.read_key(_chunks(fields))
    return {"dropped": key is None, **as_hex(key=key or b"")}


def read_answer(fields: Fields) -> Outputs:
    """An epoch's secret from the chunks of its ciphertext: none where the set is dropped, which is no error."""
    seed = KemSeed(fields.hex("seed"))
    sent = streams.offer(ML_KEM_768.public_key(seed)).stream
    secret = streams.read_answer(fields.hex("session_id"), fields.number("epoch"), seed, sent, _chunks(fields))
    rejected = ML_KEM_768.decapsulate(seed, bytes(ML_KEM_768.ciphertext_length))
    return {"dropped": secret is None, **as_hex(secret=b"" if secret is None else secret.raw, rejected=rejected.raw)}


def move(fields: Fields) -> Outputs:
    """One event of the machine: the state after it and what it yields."""
    reader = Reader(fields.hex("before"), StateTampered)
    state = codec.decode(reader, initiator=fields.flag("initiator"))
    reader.end()
    session_id = fields.hex("session_id", b"")
    match fields.text("event"):
        case "opens chain":
            return _opened(state, session_id, fields)
        case "sends":
            moved, (kind, index, chunk) = next_chunk(state)
            return {"after": codec.encode(moved).hex(), "kind": kind, "index": index, "chunk": chunk.hex()}
        case "receives":
            return _received(state, session_id, fields)
        case "next chain":
            moved, secret = join_epoch(state, fields.number("pq_epoch"))
            return as_hex(after=codec.encode(moved), secret=b"" if secret is None else secret.raw)
        case other:
            raise BadVectorError(f"no event {other}")


def _opened(state: PqState, session_id: bytes, fields: Fields) -> Outputs:
    given = {"kem768_seed": fields.hex("seed", b""), "kem768_m": fields.hex("m", b"")}
    draws = Draws(Given(given, fields.hex("ciphertext", b"")))
    with draws.during(fields, "", Roles.SEND):
        moved, secret = open_chain(state, session_id)
    return as_hex(after=codec.encode(moved), secret=b"" if secret is None else secret.raw)


def _received(state: PqState, session_id: bytes, fields: Fields) -> Outputs:
    chunk = Chunk(fields.number("chunk_kind"), fields.number("chunk_index"), fields.hex("chunk_data"))
    pq_epoch = fields.number("pq_epoch")
    require_allowed(state, pq_epoch, chunk, from_initiator=not fields.flag("initiator"))
    return as_hex(after=codec.encode(absorb(state, pq_epoch, chunk, session_id)))
