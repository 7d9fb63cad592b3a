"""What each check asks of the primitives, computed here in another way; and that each single false answer fails it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import nacl.bindings
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support import edwards25519 as edwards

from ratchetlib.errors import InvalidKey
from ratchetlib.primitives import aead, dh, kdf, random, seal, selftest, signature
from ratchetlib.primitives import answers as known
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024, Kem
from ratchetlib.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable

Question = tuple[Any, str]
"""A primitive: its owner, and its name there."""

KEY: Final = bytes(range(32))
PUBLIC: Final = known.ED25519_PUBLIC
IDENTITY: Final = edwards.encode(edwards.IDENTITY)
SIGNED: Final = Ed25519PrivateKey.from_private_bytes(known.ED25519_SEED).sign(b"\0\0\0\5labeldata")
MALLEATED: Final = edwards.join(SIGNED[:32], int.from_bytes(SIGNED[32:], "little") + edwards.GROUP_ORDER)
SEALED: Final = nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
    known.AEAD_PLAINTEXT, known.AEAD_DATA, known.AEAD_NONCE, known.AEAD_KEY
)
COMMITTED: Final = (b"ratchetlib1 body", bytes(range(24)))


def flipped(data: bytes, position: int) -> bytes:
    """The same but for the lowest bit of one byte."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


def plain(argument: object) -> object:
    """An argument that can be compared."""
    if isinstance(argument, SecretBytes):
        return argument.raw
    return argument.name if isinstance(argument, Kem) else argument


def kem_refused(parameters: Kem, length: int) -> list[tuple[object, ...]]:
    short = parameters.public_key(selftest.KemSeed(bytes(range(64))))[:-1]
    return [(parameters.name, raw) for raw in (bytes(length - 32) + KEY, b"\xff" * length, short)]


ASKED: Final[dict[str, dict[Question, list[tuple[object, ...]]]]] = {
    "X25519 refusals": {
        (dh, "parse_public_key"): [
            (bytes(32),),
            (known.X25519_ORDER_8,),
            (known.X25519_NON_CANONICAL,),
            (bytes(range(31)),),
            (bytes(range(33)),),
        ],
        (dh, "agree"): [(KEY, known.X25519_ORDER_8)],
    },
    "Ed25519 refusals": {
        (signature, "verifies"): [
            (PUBLIC, b"label", b"data", flipped(SIGNED, 0)),
            (PUBLIC, b"label", b"data", MALLEATED),
            (PUBLIC, b"label", b"other", SIGNED),
            (PUBLIC, b"label", b"data", SIGNED[:63]),
            (IDENTITY, b"label", b"data", IDENTITY + bytes(32)),
        ],
        (signature, "parse_public_key"): [(IDENTITY,), (known.ED25519_MIXED_ORDER,)],
    },
    "ML-KEM refusals": {
        (Kem, "parse_public_key"): kem_refused(ML_KEM_768, 1184) + kem_refused(ML_KEM_1024, 1568),
    },
    "ChaCha20-Poly1305 refusals": {
        (aead.HeaderKey, "open"): [
            (known.AEAD_KEY, known.AEAD_NONCE, flipped(SEALED, -1), known.AEAD_DATA),
            (known.AEAD_KEY, known.AEAD_NONCE, SEALED, b""),
            (known.AEAD_KEY, known.AEAD_NONCE, SEALED[:15], known.AEAD_DATA),
        ],
        (aead, "open_once"): [(KEY, bytes(15)), (KEY, bytes(32))],
    },
    "committing seal": {
        (seal, "open_"): [
            (KEY, *COMMITTED, b"associated", known.COMMITTING_SEAL),
            (KEY, *COMMITTED, b"", known.COMMITTING_SEAL),
            (bytes(range(1, 33)), *COMMITTED, b"associated", known.COMMITTING_SEAL),
        ],
    },
    "random source": {(random, "random_bytes"): [(32,), (32,)]},
}

JUDGED: Final[dict[str, list[Question]]] = {
    "SHA-512": [(kdf, "sha512")],
    "HKDF-SHA-512": [(kdf, "hkdf")],
    "keyed BLAKE2b": [(kdf, "chain_step")],
    "X25519": [(dh, "agree"), (dh, "parse_public_key"), (dh, "public_key")],
    "X25519 refusals": [*ASKED["X25519 refusals"]],
    "Ed25519": [(signature, name) for name in ("public_key", "sign", "parse_public_key", "verifies")],
    "Ed25519 refusals": [*ASKED["Ed25519 refusals"]],
    "ML-KEM-768": [(Kem, name) for name in ("public_key", "parse_public_key", "decapsulate")],
    "ML-KEM-1024": [(Kem, name) for name in ("public_key", "parse_public_key", "decapsulate")],
    "ML-KEM refusals": [*ASKED["ML-KEM refusals"]],
    "ChaCha20-Poly1305": [
        (aead.HeaderKey, "seal"),
        (aead.HeaderKey, "open"),
        (aead, "seal_once"),
        (aead, "open_once"),
    ],
    "ChaCha20-Poly1305 refusals": [*ASKED["ChaCha20-Poly1305 refusals"]],
    "committing seal": [(seal, "seal"), (seal, "open_")],
}
"""The primitives on whose every answer a check depends."""


def false(answer: Any) -> Any:
    """Another answer of the same kind; what was refused as invalid is now taken."""
    match answer:
        case bool():
            return not answer
        case bytes():
            return flipped(answer, 0)
        case SecretBytes():
            return type(answer)(flipped(answer.raw, 0))
        case (first, *others):
            return (false(first), *others)
        case _:
            return b"taken"


def asked(name: str, question: Question, lie: int | None = None) -> tuple[list[tuple[object, ...]], bool]:
    """Run a check: what it asked of one primitive, and the outcome when the answer of that number is false."""
    owner, attribute = question
    genuine: Callable[..., Any] = getattr(owner, attribute)
    calls: list[tuple[object, ...]] = []

    def watched(*arguments: object, **options: object) -> object:
        calls.append(tuple(plain(argument) for argument in (*arguments, *options.values())))
        try:
            answer = genuine(*arguments, **options)
        except InvalidKey:
            if len(calls) - 1 != lie:
                raise
            return b"taken"
        return false(answer) if len(calls) - 1 == lie else answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, attribute, watched)
        return calls, selftest._passes(selftest.CHECKS[name])


@pytest.mark.parametrize("name", ASKED)
def test_the_check_asks_exactly_what_must_be_refused(name: str) -> None:
    for question, expected in ASKED[name].items():
        assert asked(name, question) == (expected, True)


@pytest.mark.parametrize("name", JUDGED)
def test_each_single_false_answer_fails_the_check(name: str) -> None:
    for question in JUDGED[name]:
        calls, passed = asked(name, question)
        assert calls
        assert passed
        outcomes = [asked(name, question, lie=number)[1] for number in range(len(calls))]
        assert outcomes == [False] * len(calls), question


def test_two_equal_draws_fail_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random_bytes", bytes)
    assert not selftest.CHECKS["random source"]()
