"""labels.json, kdf_chain.json, dh_policy.json, kem_policy.json and signatures.json."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from support import edwards25519 as curve

from generator.document import Document
from generator.people import Person, dh_public, pick
from generator.stream import encapsulate
from ratchetlib import labels
from ratchetlib.cli.verify.kinds.keys import KEMS
from ratchetlib.keys import DhPrivateKey, KemSeed, SigningSeed
from ratchetlib.labels import SIGN_IDENTITY
from ratchetlib.primitives import dh, signature
from ratchetlib.wire import lp

if TYPE_CHECKING:
    from collections.abc import Iterator

_P: Final = 2**255 - 19
_REDUCED: Final = 3329
_LARGEST_EPOCH: Final = 2**32 - 1


def documents() -> Iterator[Document]:
    """The files."""
    yield _labels()
    yield _kdf()
    yield _dh()
    yield _kem()
    yield _signatures()


def _labels() -> Document:
    document = Document("labels", "Every label of the registry, in its use.")
    group = document.group("Label", "The registry, and what is made of fixed inputs under each label.")
    for name in sorted(name for name in vars(labels) if name.isupper()):
        for length in (0, 77):
            group.valid(f"{name}, {length} bytes of data", "Label", name=name, **_label_inputs(name, length))
    return document


def _label_inputs(name: str, length: int) -> dict[str, Any]:
    data = pick(f"label {name}", length) if length else b""
    match name.partition("_")[0]:
        case "SIGN":
            return {"key": pick(f"seed {name}"), "data": data}
        case "KDF":
            salt = pick(f"salt {name}", 64 if length else 32)
            return {"salt": salt, "key": pick(f"secret {name}", 160), "data": data, "length": 128 if length else 32}
        case "PERSON":
            return {"key": pick(f"key {name}"), "data": data}
        case _:
            return {"data": data}


def _kdf() -> Document:
    document = Document("kdf_chain", "Chain steps and root steps.")
    chain = document.group("ChainStep", "Keyed BLAKE2b-512: next chain key and message key, `steps` times.")
    for key, name in ((bytes(32), "zeros"), (b"\xff" * 32, "ones"), (pick("chain key"), "any key")):
        for steps in (1, 2, 3, 1000):
            chain.valid(f"{name}, {steps} steps", "Normal", chain_key=key, steps=steps)
    root = document.group("RootStep", "HKDF-SHA-512 over a Diffie-Hellman secret and at times a post-quantum one.")
    for number, (mixed, epoch) in enumerate([(False, 0), (True, 1), (False, 1), (True, 2), (False, _LARGEST_EPOCH)]):
        secret = pick(f"root {number} pq") if mixed else None
        flag = "CounterEdge" if epoch == _LARGEST_EPOCH else "Normal"
        root.valid(f"epoch {epoch}, mixed {mixed}", flag, **_root_inputs(number), pq_secret=secret, pq_epoch=epoch)
    same = _root_inputs(0)
    swapped = {**same, "sender": same["receiver"], "receiver": same["sender"]}
    root.valid("sender and receiver swapped: other keys", "Reflected", **swapped, pq_epoch=0)
    return document


def _root_inputs(number: int) -> dict[str, Any]:
    return {name: pick(f"root {number} {name}") for name in ("root_key", "dh", "sender", "receiver")}


def _dh() -> Document:
    document = Document("dh_policy", "X25519 and which public keys the protocol takes.")
    group = document.group("Agree", "A public key from outside is parsed, then agreed with.")
    private = pick("dh private")
    for number in range(4):
        group.valid(
            f"honest keys {number}", "Normal", private=pick(f"dh {number}"), public=dh_public(f"dh peer {number}")
        )
    for scalar, name in ((bytes(32), "a zero scalar"), (b"\xff" * 32, "a scalar of ones")):
        group.valid(f"{name} is clamped", "Clamping", private=scalar, public=dh_public("dh peer 0"))
    for u, name, flag in (
        (9, "the base point", "Normal"),
        (2, "a point of the twist", "Twist"),
        (_P - 9, "a large u", "Normal"),
        (6, "u of 6", "Normal"),
    ):
        group.valid(name, flag, private=private, public=_u(u))
    for shift in range(1, 8):
        group.valid(f"an honest point plus torsion {shift}", "MixedOrder", private=private, public=_torsioned(shift))
    for u in _SMALL:
        group.invalid(
            f"small order, u = {hex(u)[:12]}",
            "SmallOrder",
            error="InvalidKey",
            layer="key",
            private=private,
            public=_u(u),
        )
    zero_scalar = dh.public_key(DhPrivateKey(bytes(32)))
    group.invalid(
        "the public key of the all-zero scalar", "SmallOrder", error="InvalidKey", layer="key", private=private,
        public=zero_scalar,
    )  # fmt: skip
    for encoded, name in _non_canonical():
        flags = ("NonCanonical", "SmallOrder") if name.startswith("small") else ("NonCanonical",)
        group.invalid(name, *flags, error="InvalidKey", layer="key", private=private, public=encoded)
    for length in (0, 1, 31, 33, 64):
        group.invalid(
            f"{length} bytes", "WrongLength", error="InvalidKey", layer="key", private=private,
            public=pick("dh long", 64)[:length],
        )  # fmt: skip
    return document


_SMALL: Final = (
    0,
    1,
    0xB8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
    _P - 1,
)


def _u(u: int) -> bytes:
    return u.to_bytes(32, "little")


def _non_canonical() -> Iterator[tuple[bytes, str]]:
    for u, name in ((_P, "small order: p for 0"), (_P + 1, "small order: p + 1 for 1"), (_P + 9, "p + 9 for 9")):
        yield _u(u), name
    yield _u(2**255 - 1), "2^255 - 1"
    for u in _SMALL:
        yield _u(u | 1 << 255), f"small order with the top bit: {hex(u)[:12]}"
    yield _u(9 | 1 << 255), "the base point with the top bit"
    honest = int.from_bytes(dh_public("dh peer 0"), "little")
    yield _u(honest | 1 << 255), "an honest key with the top bit"
    yield b"\xff" * 32, "2^256 - 1"


def _torsioned(shift: int) -> bytes:
    """The u of an honest point moved by a point of small order, by way of the birational map u = (1 + y) / (1 - y)."""
    y = curve.add(curve.multiply(int.from_bytes(pick("torsion"), "little"), curve.BASE), curve.TORSION[shift])[1]
    return _u((1 + y) * pow(1 - y, -1, _P) % _P)


def _kem() -> Document:
    document = Document("kem_policy", "ML-KEM-768 and ML-KEM-1024, and which encapsulation keys the protocol takes.")
    group = document.group("Kem", "A seed's key, the secret of a ciphertext, and what implicit rejection gives.")
    keys = document.group("KemKey", "An encapsulation key from outside.")
    for name, kem in KEMS.items():
        for number in range(3):
            seed, m = pick(f"{name} seed {number}", 64), pick(f"{name} m {number}")
            _, ciphertext = encapsulate(name, kem.public_key(KemSeed(seed)), m)
            group.valid(f"{name}, honest ciphertext {number}", "Normal", kem=name, seed=seed, ciphertext=ciphertext)
        noise = pick(f"{name} noise", kem.ciphertext_length)
        group.valid(f"{name}, a ciphertext of noise", "ImplicitRejection", kem=name, seed=seed, ciphertext=noise)
        for length in (0, kem.ciphertext_length - 1, kem.ciphertext_length + 1):
            group.invalid(
                f"{name}, a ciphertext of {length} bytes", "WrongLength", error="MalformedMessage", layer="key",
                kem=name, seed=seed, ciphertext=(noise + b"\0")[:length],
            )  # fmt: skip
        public = kem.public_key(KemSeed(pick(f"{name} key", 64)))
        keys.valid(f"{name}, an honest key", "Normal", kem=name, public=public, ignoring=True)
        for comment, flag, bad in _bad_kem_keys(public):
            keys.invalid(f"{name}, {comment}", flag, error="InvalidKey", layer="key", kem=name, public=bad)
    return document


def _bad_kem_keys(public: bytes) -> Iterator[tuple[str, str, bytes]]:
    last = (len(public) - 32) * 8 // 12 - 1
    yield "a first coefficient of 3329", "UnreducedKey", _with_coefficient(public, 0, _REDUCED)
    yield "a last coefficient of 3329", "UnreducedKey", _with_coefficient(public, last, _REDUCED)
    yield "a middle coefficient of 4095", "UnreducedKey", _with_coefficient(public, last // 2, 4095)
    yield "a vector of zeros", "ZeroKey", bytes(len(public) - 32) + public[-32:]
    yield "no bytes", "WrongLength", b""
    yield "one byte less", "WrongLength", public[:-1]
    yield "one byte more", "WrongLength", public + b"\0"


def _with_coefficient(public: bytes, index: int, value: int) -> bytes:
    """Coefficients are 12 bits each, little-endian (FIPS 203, ByteEncode)."""
    number = int.from_bytes(public, "little")
    number &= ~(0xFFF << 12 * index)
    return (number | value << 12 * index).to_bytes(len(public), "little")


def _signatures() -> Document:
    document = Document("signatures", "Ed25519 under a label, and identities: two keys joined by a signature.")
    sign = document.group("Sign", "Ed25519 over LP(label) || data.")
    for name in ("SIGN_IDENTITY", "SIGN_BUNDLE", "SIGN_ONE_TIME"):
        for length in (0, 32, 300):
            data = pick(f"sign {name}", length) if length else b""
            sign.valid(
                f"{name}, {length} bytes", "Normal", "Label", seed=pick(f"sign seed {name}"), label=name, data=data
            )
    made = document.group("IdentityOf", "The public identity of two private keys.")
    parsed = document.group("Identity", "A public identity from outside.")
    for name in ("alice", "bob", "carol"):
        made.valid(f"{name}'s identity", "Normal", **Person.named(name).private)
        parsed.valid(f"{name}'s identity", "Normal", encoded=Person.named(name).public)
    for comment, flags, error, layer, encoded in _bad_identities():
        parsed.invalid(comment, *flags, error=error, layer=layer, encoded=encoded)
    return document


def _bad_identities() -> Iterator[tuple[str, tuple[str, ...], str, str, bytes]]:
    alice, bob = Person.named("alice").public, Person.named("bob").public
    signing, agreement, joined = alice[:32], alice[32:64], alice[64:]
    for length in (0, 64, 127):
        yield f"{length} bytes", ("Truncated",), "MalformedMessage", "encoding", alice[:length]
    yield "one byte more", ("TrailingBytes",), "MalformedMessage", "encoding", alice + b"\0"
    for name, encoded in {
        "another's agreement key": signing + bob[32:64] + joined,
        "another's signing key": bob[:32] + agreement + joined,
        "another's signature": signing + agreement + bob[64:],
        "a signature of zeros": signing + agreement + bytes(64),
        "a bit of R changed": signing + agreement + bytes([joined[0] ^ 1]) + joined[1:],
        "a bit of S changed": signing + agreement + joined[:32] + bytes([joined[32] ^ 1]) + joined[33:],
        "signed under the bundle's label": signing + agreement + _signed("alice", labels.SIGN_BUNDLE, agreement),
        "signed without a label": signing + agreement + _signed_raw("alice", agreement),
    }.items():
        yield name, ("Forgery",), "InvalidKey", "signature", encoded
    malleable = curve.plus_group_order(joined)
    yield (
        "S plus the group order",
        ("SignatureMalleability",),
        "InvalidKey",
        "signature",
        signing + agreement + malleable,
    )
    for number, encoded in enumerate(curve.SMALL_ORDER):
        forged = curve.join(curve.encode(curve.IDENTITY), 0)
        flags = ("SmallOrder",) if number < len(curve.TORSION) else ("SmallOrder", "NonCanonical")
        yield f"signing key of small order {number}", flags, "InvalidKey", "key", encoded + agreement + forged
    for shift in (1, 2, 4):
        yield f"a signing key with torsion {shift}", ("MixedOrder",), "InvalidKey", "key", _mixed(shift, agreement)
    yield "an agreement key of small order", ("SmallOrder",), "InvalidKey", "key", _joined("alice", bytes(32))
    high = agreement[:31] + bytes([agreement[31] | 0x80])
    yield "an agreement key with the top bit", ("NonCanonical",), "InvalidKey", "key", _joined("alice", high)


def _signed(name: str, label: bytes, data: bytes) -> bytes:
    return signature.sign(SigningSeed(Person.named(name).signing_seed), label, data)


def _signed_raw(name: str, data: bytes) -> bytes:
    """A signature of the bare data: under an empty label it would still have its length, so it is made by hand."""
    nonce, secret = int.from_bytes(pick("raw nonce"), "little"), _secret_scalar(Person.named(name).signing_seed)
    point = curve.encode(curve.multiply(nonce, curve.BASE))
    k = curve.challenge(point, curve.encode(curve.multiply(secret, curve.BASE)), data)
    return curve.join(point, (nonce + k * secret) % curve.GROUP_ORDER)


def _secret_scalar(seed: bytes) -> int:
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return scalar & ~7 & (1 << 254) - 1 | 1 << 254


def _joined(name: str, agreement: bytes) -> bytes:
    return Person.named(name).public[:32] + agreement + _signed(name, SIGN_IDENTITY, agreement)


def _mixed(shift: int, agreement: bytes) -> bytes:
    """A key with a component of small order, and a signature that its owner can make all the same."""
    secret = int.from_bytes(pick("mixed"), "little") % curve.GROUP_ORDER
    key = curve.encode(curve.add(curve.multiply(secret, curve.BASE), curve.TORSION[shift]))
    message = lp(SIGN_IDENTITY) + agreement
    for nonce in range(1, 200):
        point = curve.encode(curve.multiply(nonce, curve.BASE))
        k = curve.challenge(point, key, message)
        if k % 8 == 0:
            return key + agreement + curve.join(point, (nonce + k * secret) % curve.GROUP_ORDER)
    raise RuntimeError("no nonce fits")
