"""wire.json, header_enc.json, seal.json and padding.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from support.salamander import salamander

from generator.document import Document
from generator.people import ALICE, NOW, Person, dh_public, pick
from ratchetlib.handshake.block import IdentityBlock
from ratchetlib.identity import IdentityKey
from ratchetlib.keys import MessageKey
from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.padding import Padme, pad
from ratchetlib.primitives import seal
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.primitives.kdf import keyed_blake2b
from ratchetlib.ratchet import Binding, Direction, MessageType
from ratchetlib.ratchet.header import Header, seal_header
from ratchetlib.ratchet.pq import NO_CHUNK
from ratchetlib.wire import u32

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.document import Group

_PREFIX: Final = 1975
_FRAME: Final = 230
_ADDRESS: Final = 128


def documents() -> Iterator[Document]:
    """The files."""
    yield _wire()
    yield _header_enc()
    yield _seal()
    yield _padding()


def _wire() -> Document:
    document = Document("wire", "Layouts: messages, handshake prefixes and identity blocks, taken apart.")
    _messages(document.group("Message", "A message, split; nothing in it is trusted yet."))
    _prefixes(document.group("Prefix", "A handshake prefix, taken apart."))
    _blocks(document)
    return document


def _messages(group: Group) -> None:
    ordinary, initial = b"\1\2" + pick("frame", _FRAME + 64), b"\1\1" + pick("initial", _PREFIX + _FRAME + 64)
    usual: dict[str, Any] = {"max_padded": 2**20}
    group.valid("an ordinary message", "Normal", message=ordinary, **usual)
    group.valid("an initial message", "Normal", message=initial, **usual)
    group.valid("one padded byte", "Limit", message=ordinary[: 2 + _FRAME + 1], **usual)
    group.valid("one padded byte in an initial message", "Limit", message=initial[: 2 + _PREFIX + _FRAME + 1], **usual)
    group.valid("64 padded bytes, as many as allowed", "Limit", message=ordinary, max_padded=64)
    group.valid("64 padded bytes in an initial message, as many as allowed", "Limit", message=initial, max_padded=64)
    cases: list[tuple[str, str, str, bytes, int]] = [
        ("no bytes", "Truncated", "MalformedMessage", b"", 2**20),
        ("a version and no type", "Truncated", "MalformedMessage", b"\1", 2**20),
        ("a head and nothing else", "Truncated", "MalformedMessage", b"\1\2", 2**20),
        ("no padded byte", "Truncated", "MalformedMessage", ordinary[: 2 + _FRAME], 2**20),
        (
            "no padded byte in an initial message",
            "Truncated",
            "MalformedMessage",
            initial[: 2 + _PREFIX + _FRAME],
            2**20,
        ),
        (
            "an initial message as short as an ordinary one",
            "Truncated",
            "MalformedMessage",
            b"\1\1" + ordinary[2:],
            2**20,
        ),
        ("type 0", "UnknownType", "MalformedMessage", b"\1\0" + ordinary[2:], 2**20),
        ("type 3", "UnknownType", "MalformedMessage", b"\1\3" + ordinary[2:], 2**20),
        ("version 0", "UnknownVersion", "UnsupportedVersion", b"\0\2" + ordinary[2:], 2**20),
        ("version 2", "UnknownVersion", "UnsupportedVersion", b"\2\2" + ordinary[2:], 2**20),
        ("version 255 of an unknown type", "UnknownVersion", "UnsupportedVersion", b"\xff\xff", 2**20),
        ("a padded byte more than allowed", "Limit", "MalformedMessage", ordinary + b"\0", 64),
        ("a padded byte more than allowed in an initial message", "Limit", "MalformedMessage", initial + b"\0", 64),
    ]
    for comment, flag, error, message, maximum in cases:
        group.invalid(comment, flag, error=error, layer="framing", message=message, max_padded=maximum)


def _prefixes(group: Group) -> None:
    body = dh_public("prefix ephemeral") + pick("prefix rest", 1568 + 342)
    with_item = pick("bundle id", 16) + b"\1" + pick("item id", 16) + body
    without = pick("bundle id", 16) + bytes(17) + body
    group.valid("with a one-time item", "Normal", encoded=with_item)
    group.valid("without one", "Normal", encoded=without)
    group.valid("an item id of zeros, with its flag", "Normal", encoded=with_item[:17] + bytes(16) + body)
    malformed = ("MalformedMessage", "encoding")
    for comment, flag, (error, layer), encoded in (
        ("no bytes", "Truncated", malformed, b""),
        ("one byte less", "Truncated", malformed, with_item[:-1]),
        ("one byte more", "TrailingBytes", malformed, with_item + b"\0"),
        ("a flag of 2", "UnknownType", malformed, with_item[:16] + b"\2" + with_item[17:]),
        ("an item id without its flag", "NonZeroPadding", malformed, with_item[:16] + b"\0" + with_item[17:]),
        (
            "an ephemeral key of small order",
            "SmallOrder",
            ("InvalidKey", "key"),
            with_item[:33] + bytes(32) + body[32:],
        ),
        (
            "a non-canonical ephemeral key",
            "NonCanonical",
            ("InvalidKey", "key"),
            with_item[:33] + b"\xff" * 32 + body[32:],
        ),
    ):
        group.invalid(comment, flag, error=error, layer=layer, encoded=encoded)


def _blocks(document: Document) -> None:
    made = document.group("IdentityBlockOf", "An identity block, made.")
    parsed = document.group("IdentityBlock", "An identity block that has been opened, taken apart.")
    alice = Person.named("alice").public
    for address in (b"a", ALICE, pick("block address", 128)):
        made.valid(f"an address of {len(address)} bytes", "Normal", identity=alice, address=address, created_at=NOW)
    block = IdentityBlock(IdentityKey.from_bytes(alice), ALICE, NOW).to_bytes()
    parsed.valid("as made", "Normal", encoded=block)
    parsed.valid("an initiator that speaks a later version too", "Downgrade", encoded=block[:-2] + b"\2\0")
    field = len(alice)
    malformed = ("MalformedMessage", "encoding")
    for comment, flag, (error, layer), encoded in (
        ("one byte less", "Truncated", malformed, block[:-1]),
        ("one byte more", "TrailingBytes", malformed, block + b"\0"),
        ("an empty address", "BadLength", malformed, alice + bytes(4 + _ADDRESS) + block[-10:]),
        ("an address of 129 bytes", "BadLength", malformed, alice + u32(129) + block[field + 4 :]),
        ("an address of 2^32 - 1 bytes", "BadLength", malformed, alice + b"\xff" * 4 + block[field + 4 :]),
        ("a byte behind the address", "NonZeroPadding", malformed, block[:-11] + b"\1" + block[-10:]),
        ("a flag", "NonZeroPadding", malformed, block[:-1] + b"\1"),
        ("highest version 0", "UnknownVersion", malformed, block[:-2] + bytes(2)),
        ("another's agreement key", "Forgery", ("InvalidKey", "signature"), block[:32] + _carols() + block[64:]),
        ("a signing key of small order", "SmallOrder", ("InvalidKey", "key"), bytes(32) + block[32:]),
    ):
        parsed.invalid(comment, flag, error=error, layer=layer, encoded=encoded)


def _carols() -> bytes:
    return Person.named("carol").public[32:64]


_SESSION: Final[dict[str, Any]] = {"session_id": pick("session id"), "direction": 1, "message_type": 2}
_OTHER_WAYS: Final[dict[str, dict[str, Any]]] = {
    "another session": {"session_id": pick("other session id")},
    "the other direction": {"direction": 2},
    "an initial message's type": {"message_type": 1, "prefix_hash": pick("prefix hash", 64)},
}


def _header_enc() -> Document:
    document = Document("header_enc", "Headers: layout, associated data, encryption, and which key opens them.")
    sealed = document.group("SealHeader", "A header, encrypted; and the associated data of the body behind it.")
    usual = {**_SESSION, "key": pick("header key"), "nonce": pick("header nonce", 12), "ad": b"", **_header_inputs()}
    sealed.valid("a header without a chunk", "Normal", **usual)
    sealed.valid("associated data of the application", "AssociatedData", **{**usual, "ad": b"room 7"})
    chunk = {"chunk_kind": 1, "chunk_index": 63, "chunk": pick("chunk", 96)}
    sealed.valid("a key chunk", "PqEpoch", **{**usual, **chunk})
    sealed.valid(
        "a ciphertext chunk", "PqEpoch", **{**usual, **chunk, "chunk_kind": 2, "chunk_index": 0, "direction": 2}
    )
    edge = {"previous_length": 2**24, "number": 2**24 - 1, "pq_epoch": 2**32 - 1}
    sealed.valid("counters at their edges", "CounterEdge", **{**usual, **edge})
    for comment, change in _OTHER_WAYS.items():
        sealed.valid(comment, "Spliced", **{**usual, **change})
    _trials(
        document.group("TryHeaders", "Header keys in the order of trial: current chain, next chain, closed chains.")
    )
    return document


def _header_inputs() -> dict[str, Any]:
    return {
        "ratchet_key": dh_public("header ratchet key"),
        "previous_length": 3,
        "number": 5,
        "pq_epoch": 0,
        "chunk_kind": 0,
        "chunk_index": 0,
        "chunk": bytes(96),
    }


def _trials(group: Group) -> None:
    keys, nonce = [pick(f"trial key {n}") for n in range(7)], pick("trial nonce", 12)
    binding = Binding.of(_SESSION["session_id"], Direction(1), MessageType(2), b"")
    header = Header(dh_public("header ratchet key"), 3, 5, 0, NO_CHUNK)
    sealed = [seal_header(HeaderKey(key), nonce, header, binding.header) for key in keys]
    usual: dict[str, Any] = {**_SESSION, "keys": keys, "nonce": nonce}
    group.valid("seven keys, a header under each", "Normal", **usual, sealed=[sealed[n] for n in (3, 0, 6, 1, 5, 2, 4)])
    wrong: list[tuple[str, str, dict[str, Any]]] = [(c, "Spliced", change) for c, change in _OTHER_WAYS.items()]
    first = sealed[3]
    wrong += [
        ("the key of its chain is not among them", "Spliced", {"keys": keys[:3] + keys[4:]}),
        ("no keys", "Normal", {"keys": []}),
        ("another nonce", "Spliced", {"nonce": pick("another nonce", 12)}),
        ("a changed bit of the ciphertext", "Tampered", {"sealed": [bytes([first[0] ^ 1]) + first[1:]]}),
        ("a changed bit of the tag", "Tampered", {"sealed": [first[:-1] + bytes([first[-1] ^ 1])]}),
    ]
    for comment, flag, change in wrong:
        inputs = {**usual, "sealed": [first], **change}
        group.invalid(comment, flag, error="AuthenticationError", layer="header", **inputs)


def _seal() -> Document:
    document = Document("seal", "The committing seal.")
    made = document.group("Seal", "Commitment, and ciphertext with its tag.")
    opened = document.group("Unseal", "Commitment, ciphertext and tag, opened.")
    key, nonce = pick("seal key"), pick("seal nonce", 24)
    for person in ("PERSON_SEAL_BODY", "PERSON_SEAL_IDENTITY", "PERSON_SEAL_STATE"):
        for length in (0, 1, 64, 1000):
            plaintext = pick("seal plaintext", length) if length else b""
            made.valid(
                f"{person}, {length} bytes", "Normal", key=key, person=person, nonce=nonce,
                ad=b"" if length else b"data", plaintext=plaintext,
            )  # fmt: skip
    sealed = seal.seal(MessageKey(key), PERSON_SEAL_BODY, nonce, b"data", b"plaintext")
    usual: dict[str, Any] = {"key": key, "person": "PERSON_SEAL_BODY", "nonce": nonce, "ad": b"data", "sealed": sealed}
    opened.valid("as sealed", "Normal", **usual)
    for comment, flag, change in _bad_seals(sealed):
        opened.invalid(comment, flag, error="AuthenticationError", layer="seal", **{**usual, **change})
    return document


def _bad_seals(sealed: bytes) -> Iterator[tuple[str, str, dict[str, Any]]]:
    def flipped(at: int) -> bytes:
        return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]

    yield "another key", "KeyCommitment", {"key": pick("another key")}
    yield "another purpose", "Label", {"person": "PERSON_SEAL_STATE"}
    yield "another nonce", "Tampered", {"nonce": pick("seal nonce 2", 24)}
    yield "other associated data", "AssociatedData", {"ad": b"date"}
    yield "no associated data", "AssociatedData", {"ad": b""}
    yield "a changed bit of the commitment", "KeyCommitment", {"sealed": flipped(0)}
    yield "a changed last bit of the commitment", "KeyCommitment", {"sealed": flipped(31)}
    yield "a changed bit of the ciphertext", "Tampered", {"sealed": flipped(32)}
    yield "a changed bit of the tag", "Tampered", {"sealed": flipped(len(sealed) - 1)}
    for length in (0, 31, 32, 47):
        yield f"{length} bytes", "Truncated", {"sealed": sealed[:length]}
    yield "one byte more", "TrailingBytes", {"sealed": sealed + b"\0"}
    yield from _salamanders()


def _salamanders() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """One ciphertext under the derived keys of two message keys: each one's commitment refuses the other's."""
    one, other, nonce = MessageKey(pick("salamander 1")), MessageKey(pick("salamander 2")), pick("salamander", 24)
    derived = [_derived(key, nonce) for key in (one, other)]
    both = salamander(derived[0][:32], derived[1][:32])
    yield (
        "a ciphertext that opens under two keys, with the other's commitment", "KeyCommitment",
        {"key": one.raw, "nonce": nonce, "sealed": derived[1][32:] + both},
    )  # fmt: skip


def _derived(key: MessageKey, nonce: bytes) -> bytes:
    return keyed_blake2b(key=key.raw, person=PERSON_SEAL_BODY, data=nonce + b"data")


def _padding() -> Document:
    document = Document("padding", "Padding: sizes, encodings, and tails that no peer writes.")
    lengths = document.group("PaddedLengths", "Padded lengths of plaintexts of such lengths.")
    lengths.valid("Padme from 64, short", "Padding", lengths=list(range(140)))
    edges = sorted({max(0, 2**power + shift) for power in range(6, 31) for shift in (-2, -1, 0, 1, 2)})
    lengths.valid("Padme from 64, around the powers of two", "Padding", "Limit", lengths=edges)
    lengths.valid("Padme from 64, between them", "Padding", lengths=[3 * 2**power + 1 for power in range(6, 29)])
    lengths.valid("Padme from 1", "Padding", floor=1, lengths=list(range(70)))
    lengths.valid("Padme from 1,000", "Padding", floor=1000, lengths=[0, 998, 999, 1000, 1001, 5000])
    lengths.valid(
        "every length modulo a bucket of 16", "Padding", padding="buckets", buckets=[16, 32], lengths=list(range(32))
    )
    lengths.valid(
        "buckets", "Padding", padding="buckets", buckets=[64, 1024, 2**20], lengths=[0, 63, 64, 1023, 1024, 2**20 - 1]
    )
    lengths.valid("none", "Padding", padding="none", lengths=[0, 1, 2, 63, 64, 65, 2**20])
    _refused_policies(lengths)
    padded = document.group("Pad", "A plaintext, padded.")
    for length in range(17):
        padded.valid(
            f"{length} bytes in buckets of 16", "Padding", plaintext=_text(length), padding="buckets", buckets=[16, 32]
        )
    for length in (0, 1, 62, 63, 64, 65, 200):
        padded.valid(f"{length} bytes by default", "Padding", plaintext=_text(length))
    padded.valid("a plaintext that ends like padding", "PaddingOracle", plaintext=b"\x80\0\0")
    _unpadded(document.group("Unpad", "A padded plaintext, unpadded."))
    return document


def _text(length: int) -> bytes:
    return pick("padded text", length) if length else b""


def _refused_policies(group: Group) -> None:
    for comment, inputs in (
        ("a floor of 0", {"floor": 0, "lengths": [0]}),
        ("a floor above 2^30", {"floor": 2**30 + 1, "lengths": [0]}),
        ("no buckets", {"padding": "buckets", "buckets": [], "lengths": [0]}),
        ("equal buckets", {"padding": "buckets", "buckets": [16, 16], "lengths": [0]}),
        ("descending buckets", {"padding": "buckets", "buckets": [32, 16], "lengths": [0]}),
        ("longer than the largest bucket", {"padding": "buckets", "buckets": [16], "lengths": [16]}),
    ):
        group.invalid(comment, "Padding", error="UsageError", layer="caller", **inputs)


def _unpadded(group: Group) -> None:
    for comment, padded in (
        ("the marker alone", b"\x80"),
        ("no zeros", b"abc\x80"),
        ("many zeros", b"abc\x80" + bytes(60)),
        ("zeros and markers in the plaintext", b"\x80\0\x80\0" + b"\x80\0\0"),
        ("as made by default", pad(b"hello", Padme())),
    ):
        group.valid(comment, "Padding", padded=padded)
    for comment, padded in (
        ("nothing", b""),
        ("zeros only", bytes(16)),
        ("no marker", b"abc" + bytes(13)),
        ("another marker", b"abc\x01" + bytes(12)),
        ("a byte behind the marker", b"abc\x80" + bytes(11) + b"\1"),
        ("text behind the marker", b"abc\x80abc"),
        ("a marker of 0x81", b"abc\x81\0\0\0"),
    ):
        group.invalid(comment, "PaddingOracle", error="AuthenticationError", layer="padding", padded=padded)
