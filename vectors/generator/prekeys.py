"""bundles.json and handshake.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from generator.document import Document
from generator.people import ALICE, BOB, CAROL, DAY, NOW, Person, dh_public, kem_public, pick
from generator.stream import encapsulate
from ratchetlib import labels
from ratchetlib.keys import KemSeed, SigningSeed
from ratchetlib.primitives import signature
from ratchetlib.primitives.kem import ML_KEM_1024
from ratchetlib.wire import lp, u8, u32, u64

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.document import Group

_SIGNATURE: Final = 64
_CONTENT: Final[dict[str, Any]] = {
    "version": 1,
    "highest": 1,
    "address": BOB,
    "epoch": 7,
    "not_before": NOW,
    "not_after": NOW + 14 * DAY,
}


def documents() -> Iterator[Document]:
    """The files."""
    yield _bundles()
    yield _handshake()


def signed_bundle(owner: str = "bob", *, label: bytes = labels.SIGN_BUNDLE, **changes: Any) -> bytes:
    """A signed bundle, whatever is in it."""
    content = {**_CONTENT, **changes}
    person = Person.named(owner)
    encoded = (
        u8(content["version"])
        + u8(content["highest"])
        + lp(content["address"])
        + content.get("identity", person.public)
        + u64(content["epoch"])
        + u64(content["not_before"])
        + u64(content["not_after"])
        + content.get("signed_prekey", dh_public(f"{owner} signed prekey"))
        + content.get("last_resort_key", kem_public(f"{owner} last resort"))
    )
    return bytes(encoded) + signature.sign(SigningSeed(person.signing_seed), label, encoded)


def one_time_item(owner: str = "bob", *, label: bytes = labels.SIGN_ONE_TIME, **changes: Any) -> bytes:
    """A one-time item, whatever is in it."""
    content = {**_CONTENT, **changes}
    encoded = (
        u8(content["version"])
        + lp(content["address"])
        + u64(content["epoch"])
        + content.get("prekey", dh_public(f"{owner} one-time"))
        + content.get("kem_key", kem_public(f"{owner} one-time kem"))
    )
    return bytes(encoded) + signature.sign(SigningSeed(Person.named(owner).signing_seed), label, encoded)


def bundle(signed: bytes, item: bytes = b"") -> bytes:
    """Both, joined."""
    return lp(signed) + u8(bool(item)) + lp(item)


def _bundles() -> Document:
    document = Document("bundles", "Signed bundles, one-time items, and both as an initiator gets and judges them.")
    _made(document)
    _signed(document.group("SignedBundle", "A signed bundle from outside."))
    _items(document.group("OneTimeItem", "A one-time item from outside, with the identity that must have signed it."))
    _joined(document.group("PrekeyBundle", "A prekey bundle from outside."))
    _judged(document.group("Policy", "A prekey bundle before the initiator that is about to use it."))
    return document


def _made(document: Document) -> None:
    bundles = document.group("SignedBundleOf", "A signed bundle, made.")
    items = document.group("OneTimeItemOf", "A one-time item, made.")
    for address in (b"b", BOB, pick("address", 128)):
        person = Person.named("bob").private
        bundles.valid(
            f"an address of {len(address)} bytes", "Limit" if len(address) > len(BOB) else "Normal",
            **person, address=address, epoch=7, not_before=NOW, not_after=NOW + DAY,
            signed_prekey=dh_public("bob signed prekey"), last_resort_key=kem_public("bob last resort"),
        )  # fmt: skip
        items.valid(
            f"an address of {len(address)} bytes", "Normal", signing_seed=person["signing_seed"],
            address=address, epoch=7, prekey=dh_public("bob one-time"), kem_key=kem_public("bob one-time kem"),
        )  # fmt: skip


def _signed(group: Group) -> None:
    group.valid("as made", "Normal", encoded=signed_bundle())
    group.valid("the longest validity", "Limit", encoded=signed_bundle(not_before=0, not_after=14 * DAY))
    group.valid("epoch and times of 2^64 - 1", "CounterEdge", encoded=signed_bundle(**_at_the_edge()))
    group.valid("an owner that speaks a later version too", "Downgrade", encoded=signed_bundle(highest=2))
    good = signed_bundle()
    for comment, flag, error, layer, reason, encoded in _bad_signed(good):
        group.invalid(comment, flag, error=error, layer=layer, reason=reason, encoded=encoded)


def _at_the_edge() -> dict[str, Any]:
    return {"epoch": 2**64 - 1, "not_before": 2**64 - 2, "not_after": 2**64 - 1}


_Bad = tuple[str, str, str, str, str, bytes]


def _bad_signed(good: bytes) -> Iterator[_Bad]:
    malformed, rejected = ("MalformedMessage", "encoding", ""), "BundleRejected"
    for length in (0, 1, 5, len(good) - 1):
        yield (f"{length} bytes", "Truncated", *malformed, good[:length])
    yield ("one byte more", "TrailingBytes", *malformed, good + b"\0")
    for version in (0, 2, 255):
        yield (
            f"version {version}",
            "UnknownVersion",
            "UnsupportedVersion",
            "encoding",
            "",
            signed_bundle(version=version),
        )
    yield ("a highest version below the version", "UnknownVersion", *malformed, signed_bundle(highest=0))
    yield ("an empty address", "BadLength", *malformed, signed_bundle(address=b""))
    yield ("an address of 129 bytes", "Limit", *malformed, signed_bundle(address=pick("address", 129)))
    for comment, encoded in _bad_signatures(good).items():
        yield comment, "Forgery", rejected, "signature", "INVALID_SIGNATURE", encoded
    for comment, flag, changes in _bad_keys():
        yield comment, flag, rejected, "key", "INVALID_KEY", signed_bundle(**changes)
    for comment, before, after in (
        ("no validity", NOW, NOW),
        ("an end before the beginning", NOW, NOW - 1),
        ("a second longer than allowed", NOW, NOW + 14 * DAY + 1),
    ):
        yield (
            comment, "Validity", rejected, "policy", "INVALID_VALIDITY",
            signed_bundle(not_before=before, not_after=after),
        )  # fmt: skip


def _bad_signatures(good: bytes) -> dict[str, Any]:
    def flipped(at: int) -> bytes:
        return good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]

    address, identity = 6, 6 + len(BOB)
    epoch = identity + 128
    return {
        "a bit of the highest version changed": good[:1] + b"\3" + good[2:],
        "a bit of the address changed": flipped(address),
        "a bit of the epoch changed": flipped(epoch + 7),
        "a bit of the beginning changed": flipped(epoch + 15),
        "a bit of the end changed": flipped(epoch + 23),
        "a bit of the signed prekey changed": flipped(epoch + 24),
        "a bit of the last-resort key's rho changed": flipped(len(good) - _SIGNATURE - 1),
        "a bit of the signature changed": flipped(len(good) - 1),
        "a signature of zeros": good[:-_SIGNATURE] + bytes(_SIGNATURE),
        "signed by another": signed_bundle("carol", identity=Person.named("bob").public),
        "signed under the item's label": signed_bundle(label=labels.SIGN_ONE_TIME),
    }


def _bad_keys() -> Iterator[tuple[str, str, dict[str, Any]]]:
    bob, carol = Person.named("bob").public, Person.named("carol").public
    yield "an identity of two halves", "MixedParts", {"identity": bob[:32] + carol[32:64] + bob[64:]}
    yield "an identity of small order", "SmallOrder", {"identity": b"\1" + bytes(31) + bob[32:]}
    yield "a signed prekey of small order", "SmallOrder", {"signed_prekey": bytes(32)}
    yield "a non-canonical signed prekey", "NonCanonical", {"signed_prekey": b"\xff" * 31 + b"\x7f"}
    yield "an unreduced last-resort key", "UnreducedKey", {"last_resort_key": b"\xff" * 1568}
    yield "a last-resort key of zeros", "ZeroKey", {"last_resort_key": bytes(1568)}


def _items(group: Group) -> None:
    bob = Person.named("bob").public
    good = one_time_item()
    group.valid("as made", "Normal", encoded=good, identity=bob)
    cases: list[_Bad] = [
        ("no bytes", "Truncated", "MalformedMessage", "encoding", "", b""),
        ("one byte less", "Truncated", "MalformedMessage", "encoding", "", good[:-1]),
        ("one byte more", "TrailingBytes", "MalformedMessage", "encoding", "", good + b"\0"),
        ("version 2", "UnknownVersion", "UnsupportedVersion", "encoding", "", one_time_item(version=2)),
        ("an empty address", "BadLength", "MalformedMessage", "encoding", "", one_time_item(address=b"")),
        (
            "a prekey of small order",
            "SmallOrder",
            "BundleRejected",
            "key",
            "INVALID_KEY",
            one_time_item(prekey=bytes(32)),
        ),
        ("a KEM key of zeros", "ZeroKey", "BundleRejected", "key", "INVALID_KEY", one_time_item(kem_key=bytes(1568))),
    ]
    forged = {
        "signed by another": one_time_item("carol"),
        "signed under the bundle's label": one_time_item(label=labels.SIGN_BUNDLE),
        "a bit of the signature changed": good[:-1] + bytes([good[-1] ^ 1]),
        "a bit of the prekey changed": good[:-1633] + bytes([good[-1633] ^ 1]) + good[-1632:],
    }
    cases += [(c, "Forgery", "BundleRejected", "signature", "INVALID_SIGNATURE", e) for c, e in forged.items()]
    for comment, flag, error, layer, reason, encoded in cases:
        group.invalid(comment, flag, error=error, layer=layer, reason=reason, encoded=encoded, identity=bob)


def _joined(group: Group) -> None:
    signed, item = signed_bundle(), one_time_item()
    group.valid("with a one-time item", "Normal", encoded=bundle(signed, item))
    group.valid("without one", "Normal", encoded=bundle(signed))
    group.valid("an item of the epoch before", "OneTime", encoded=bundle(signed, one_time_item(epoch=6)))
    long = u32(2049) + bytes(2049)
    for comment, flag, encoded in (
        ("no bytes", "Truncated", b""),
        ("one byte less", "Truncated", bundle(signed, item)[:-1]),
        ("one byte more", "TrailingBytes", bundle(signed, item) + b"\0"),
        ("a flag of 2", "UnknownType", lp(signed) + b"\2" + lp(item)),
        ("a flag and no item", "UnknownType", lp(signed) + b"\1" + lp(b"")),
        ("an item and no flag", "Downgrade", lp(signed) + b"\0" + lp(item)),
        ("a part of 2,049 bytes", "Limit", long + b"\0" + lp(b"")),
        ("a length of 2^32 - 1", "BadLength", b"\xff" * 4 + signed),
    ):
        group.invalid(comment, flag, error="MalformedMessage", layer="encoding", encoded=encoded)
    for comment, other in (
        ("an item of the epoch after", one_time_item(epoch=8)),
        ("an item two epochs old", one_time_item(epoch=5)),
        ("an item for another address", one_time_item(address=CAROL)),
    ):
        group.invalid(
            comment, "MixedParts", error="BundleRejected", layer="parts", reason="MIXED_PARTS",
            encoded=bundle(signed, other),
        )  # fmt: skip
    group.invalid(
        "another's item", "MixedParts", "Forgery", error="BundleRejected", layer="signature",
        reason="INVALID_SIGNATURE", encoded=bundle(signed, one_time_item("carol")),
    )  # fmt: skip
    group.invalid(
        "a server's own item", "Forgery", error="BundleRejected", layer="signature",
        reason="INVALID_SIGNATURE", encoded=bundle(signed, item[:-_SIGNATURE] + bytes(_SIGNATURE)),
    )  # fmt: skip


def _judged(group: Group) -> None:
    encoded, end = bundle(signed_bundle(), one_time_item()), _CONTENT["not_after"]
    usual: dict[str, Any] = {"encoded": encoded, "ours": Person.named("alice").public, "their_address": BOB, "now": NOW}
    bob, carol = Person.named("bob").public, Person.named("carol").public
    group.valid("acceptable", "Normal", **usual)
    group.valid("the pinned identity", "IdentityChange", **usual, expected=bob)
    group.valid("the epoch seen before", "Validity", **usual, minimum_epoch=7)
    group.valid("a required one-time item", "OneTime", **usual, require_one_time=True)
    group.valid("a day early", "Validity", "Limit", **{**usual, "now": NOW - DAY})
    group.valid("at the end", "Validity", "Limit", **{**usual, "now": end})
    cases: list[tuple[str, str, str, dict[str, Any]]] = [
        ("more than a day early", "Validity", "NOT_YET_VALID", {"now": NOW - DAY - 1}),
        ("a second past the end", "Validity", "EXPIRED", {"now": end + 1}),
        ("an epoch below one seen before", "Validity", "OLD_EPOCH", {"minimum_epoch": 8}),
        ("for another address", "Misbinding", "WRONG_ADDRESS", {"their_address": CAROL}),
        ("no one-time item", "OneTime", "NO_ONE_TIME", {"require_one_time": True, "encoded": bundle(signed_bundle())}),
        ("our own identity", "OwnIdentity", "OWN_IDENTITY", {"ours": bob}),
        ("an identity with our agreement key", "OwnIdentity", "OWN_IDENTITY", {"ours": _sharing()}),
    ]
    for comment, flag, reason, changes in cases:
        group.invalid(comment, flag, error="BundleRejected", layer="policy", reason=reason, **{**usual, **changes})
    group.invalid(
        "not the pinned identity", "IdentityChange", error="IdentityChanged", layer="policy", **usual, expected=carol
    )


def _sharing() -> bytes:
    """Another signing key, bob's agreement key."""
    return Person(pick("sharing"), Person.named("bob").agreement_key).public


def _handshake() -> Document:
    document = Document("handshake", "Handshakes from private keys to the first message, with every value between.")
    group = document.group("Handshake", "With a one-time item and without.")
    for number in range(3):
        for with_item in (True, False):
            comment = f"handshake {number}, with{'' if with_item else 'out'} a one-time item"
            group.valid(comment, "Normal", "KemBinding", **_handshake_inputs(number, with_item=with_item))
    long = {"initiator_address": pick("long a", 128), "responder_address": pick("long b", 128)}
    group.valid("the longest addresses", "Limit", **{**_handshake_inputs(9, with_item=True), **long})
    short = {"initiator_address": b"a", "responder_address": b"b"}
    group.valid("the shortest addresses", "Limit", **{**_handshake_inputs(10, with_item=True), **short})
    swapped = {"initiator_address": BOB, "responder_address": ALICE}
    inputs = _handshake_inputs(0, with_item=False)
    group.valid("handshake 1 with the addresses swapped: other keys", "Misbinding", **{**inputs, **swapped})
    return document


def _handshake_inputs(number: int, *, with_item: bool) -> dict[str, Any]:
    def drawn(name: str, length: int = 32) -> bytes:
        return pick(f"handshake {number}/{name}", length)

    seed = drawn("one-time seed" if with_item else "last-resort seed", 64)
    _, ciphertext = encapsulate("ML-KEM-1024", ML_KEM_1024.public_key(KemSeed(seed)), drawn("m"))
    item = {"one_time_key": drawn("one-time key"), "one_time_seed": seed} if with_item else {}
    return {
        "initiator_signing_seed": drawn("a signing"),
        "initiator_agreement_key": drawn("a agreement"),
        "initiator_address": ALICE,
        "responder_signing_seed": drawn("b signing"),
        "responder_agreement_key": drawn("b agreement"),
        "responder_address": BOB,
        "signed_prekey": drawn("signed prekey"),
        "last_resort_seed": drawn("last-resort seed", 64),
        **item,
        "epoch": number + 1,
        "not_before": NOW,
        "not_after": NOW + 14 * DAY,
        "now": NOW + number,
        "ephemeral_key": drawn("ephemeral"),
        "kem_m": drawn("m"),
        "ciphertext": ciphertext,
        "block_nonce": drawn("block nonce", 24),
        "ratchet_key": drawn("ratchet key"),
        "kem768_seed": drawn("kem768 seed", 64),
        "nonce": drawn("nonce", 24),
        "plaintext": b"hello, %d" % number,
        "ad": b"" if with_item else b"room 7",
    }
