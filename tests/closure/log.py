"""The library's primitives, wrapped at their seams: what they compute is what follows from what.

    public key            <- private key                              (and back, for who has solved X25519)
    agreement             <- either private key, the other's public key
    encapsulation key     <- seed                                     (and back, for who has solved ML-KEM)
    KEM secret            <- seed, ciphertext
    each 32 bytes of HKDF <- salt, all 32-byte parts of the secret, every term in the info
    each half of BLAKE2b  <- key
    SHA-512               <- every term in the data
    plaintext             <- AEAD key, ciphertext;   every term in it <- plaintext
    chunk                 <- stream;   stream <- any k of its chunks
    stream                <- every term in it, and back: the rest is a hash of the key, or zeros
    signing public key    <- signing seed

Everything else that goes in (labels, nonces, counters, associated data) is public or constant. A secret input whose
origin the log has not seen is an error: then a seam would be missing.

The message of an encapsulation is OpenSSL's own and nobody's state ever holds it, so no rule begins with it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest.mock import patch

import nacl.bindings
from closure.lexicon import Lexicon
from closure.rules import Book, Plaintext, Problem
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from schedules.settings import ToyKem

from ratchetlib.keys import DhPrivateKey, KemSeed, SigningSeed, StorageKey
from ratchetlib.primitives import aead, kdf
from ratchetlib.primitives.kem import Kem
from ratchetlib.ratchet.pq.erasure import Code
from ratchetlib.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ratchetlib.keys import KemSecret

_PART: Final = 32
"""Every secret that enters or leaves a derivation, a seed apart, has so many bytes."""

NOTHING: Final = bytes(_PART)
"""Zeros where a secret belongs: everybody knows them."""

DRAWN: Final = frozenset({DhPrivateKey, KemSeed, SigningSeed, StorageKey})
"""What is made of nothing but randomness."""


class Sealed(NamedTuple):
    """One message as an attacker looks at it.

    Attributes:
        header: what the sealed header holds.
        body: what the sealed body holds.
        key: the message key.
    """

    header: Plaintext
    body: Plaintext
    key: bytes


class Log:
    """What was computed, and what follows from it.

    Attributes:
        book: the rules.
        lexicon: every term, to be found again in messages and states.
        roles: of every secret that the library wrapped, all that it ever had.
    """

    def __init__(self) -> None:
        self.book = Book()
        self.lexicon = Lexicon()
        self.lexicon.add(NOTHING)
        self.roles: dict[bytes, set[type[SecretBytes]]] = defaultdict(set)
        self._privates: dict[bytes, bytes] = {}
        self._seeds: dict[bytes, bytes] = {}
        self._cipher_keys: dict[bytes, bytes] = {}
        self._parents: dict[bytes, bytes] = {}

    # --- what it is asked -----------------------------------------------------------------------

    def sealed(self, message: bytes) -> Sealed:
        """The parts of a message that the library has sealed."""
        *_, header, body = self.plaintexts(message)
        return Sealed(header, body, self._parents[self._cipher_keys[body.ciphertext]])

    def plaintexts(self, data: bytes) -> list[Plaintext]:
        """What the ciphertexts in some bytes hold, from left to right."""
        return [Plaintext(term) for term in self.lexicon.within(data) if term in self._cipher_keys]

    def private_key(self, public: bytes) -> bytes:
        """The private half of an X25519 key."""
        return self._privates[public]

    def orphans(self) -> dict[bytes, set[type[SecretBytes]]]:
        """Secrets that follow from nothing, though they are not drawn."""
        return {
            raw: roles
            for raw, roles in self.roles.items()
            if not roles & DRAWN and raw != NOTHING and not self.book.derives(raw)
        }

    # --- what it is told ------------------------------------------------------------------------

    def wrapped(self, raw: bytes, role: type[SecretBytes]) -> None:
        self.roles[raw].add(role)
        self.lexicon.add(raw)

    def public_key(self, private: bytes, public: bytes) -> None:
        self._terms(private, public)
        self._privates[public] = private
        self.book.add([public], [private])
        self.book.add([private], [public], problem=Problem.X25519)

    def agreement(self, private: bytes, theirs: bytes, ours: bytes, output: bytes) -> None:
        self._known(private)
        self._terms(theirs, ours, output)
        self.book.add([output], [private, theirs])
        if theirs in self._privates:
            self.book.add([output], [self._privates[theirs], ours])

    def signing_key(self, seed: bytes, public: bytes) -> None:
        self._terms(seed, public)
        self.book.add([public], [seed])

    def kem_key(self, seed: bytes, public: bytes) -> None:
        self._terms(seed, public)
        self._seeds[public] = seed
        self.book.add([public], [seed])
        self.book.add([seed], [public], problem=Problem.ML_KEM)

    def encapsulation(self, public: bytes, secret: bytes, ciphertext: bytes) -> None:
        self.decapsulation(self._seeds[public], ciphertext, secret)

    def decapsulation(self, seed: bytes, ciphertext: bytes, secret: bytes) -> None:
        self._known(seed)
        self._terms(ciphertext, secret)
        self.book.add([secret], [seed, ciphertext])

    def hkdf(self, salt: bytes, info: bytes, secret: bytes, output: bytes) -> None:
        premises = self._known(*_parts(secret))
        if salt != kdf.NO_SALT:
            premises += self._known(salt)
        self.book.add(self._terms(*_parts(output)), [*premises, *self.lexicon.within(info)])

    def keyed_hash(self, key: bytes, output: bytes) -> None:
        halves = self._terms(*_parts(output))
        self.book.add(halves, self._known(key))
        self._parents[halves[0]] = key

    def hashed(self, data: bytes, output: bytes) -> None:
        terms = self.lexicon.within(data)
        if terms:  # else it is a constant
            self.book.add(self._terms(output), terms)

    def encryption(self, key: bytes, plaintext: bytes, ciphertext: bytes) -> None:
        if ciphertext in self._cipher_keys:
            return
        self._cipher_keys[ciphertext] = key
        holds = Plaintext(ciphertext)
        self.book.add([holds], [*self._known(key), *self._terms(ciphertext)])
        self.book.add(self.lexicon.within(plaintext), [holds])

    def chunks(self, k: int, stream: bytes, chunks: Mapping[int, bytes]) -> None:
        if stream not in self.lexicon:
            terms = self.lexicon.within(stream)
            self._terms(stream)
            self.book.add([stream], terms)
            self.book.add(terms, [stream])
        for chunk in chunks.values():
            self._terms(chunk)
            self.book.add_chunk(stream, chunk, k)

    def _terms(self, *terms: bytes) -> list[bytes]:
        for term in terms:
            self.lexicon.add(term)
        return list(terms)

    def _known(self, *inputs: bytes) -> list[bytes]:
        for term in inputs:
            if term not in self.lexicon:
                raise AssertionError(f"an input of {len(term)} bytes whose origin was not seen")
        return list(inputs)


def _parts(data: bytes) -> list[bytes]:
    if len(data) % _PART:
        raise AssertionError(f"{len(data)} bytes are no number of whole secrets")
    return [data[start : start + _PART] for start in range(0, len(data), _PART)]


@contextmanager
def logged() -> Iterator[Log]:
    """A log of everything that the library computes inside."""
    log = Log()
    with ExitStack() as stack:
        for patched in (_secrets, _agreements, _derivations, _ciphers, _codes):
            stack.enter_context(patched(log))
        for kem_class in (Kem, ToyKem):
            stack.enter_context(_kem(log, kem_class))
        yield log


@contextmanager
def _secrets(log: Log) -> Iterator[None]:
    genuine = SecretBytes.__init__

    def wrapping(self: SecretBytes, raw: bytes) -> None:
        genuine(self, raw)
        log.wrapped(raw, type(self))

    with patch.object(SecretBytes, "__init__", wrapping):
        yield


@contextmanager
def _agreements(log: Log) -> Iterator[None]:
    multiply_base = nacl.bindings.crypto_scalarmult_base
    multiply = nacl.bindings.crypto_scalarmult
    sign_keypair = nacl.bindings.crypto_sign_seed_keypair

    def public_key(private: bytes) -> bytes:
        public = multiply_base(private)
        log.public_key(private, public)
        return public

    def agreement(private: bytes, theirs: bytes) -> bytes:
        output = multiply(private, theirs)
        log.agreement(private, theirs, multiply_base(private), output)
        return output

    def signing_key(seed: bytes) -> tuple[bytes, bytes]:
        public, expanded = sign_keypair(seed)
        log.signing_key(seed, public)
        return public, expanded

    with (
        patch.object(nacl.bindings, "crypto_scalarmult_base", public_key),
        patch.object(nacl.bindings, "crypto_scalarmult", agreement),
        patch.object(nacl.bindings, "crypto_sign_seed_keypair", signing_key),
    ):
        yield


@contextmanager
def _derivations(log: Log) -> Iterator[None]:
    blake2b, sha512 = hashlib.blake2b, hashlib.sha512

    class LoggedHkdf:
        def __init__(self, algorithm: Any, length: int, salt: bytes, info: bytes) -> None:
            self._salt, self._info = salt, info
            self._hkdf = HKDF(algorithm, length, salt, info)

        def derive(self, secret: bytes) -> bytes:
            output = self._hkdf.derive(secret)
            log.hkdf(self._salt, self._info, secret, output)
            return output

    def keyed_hash(data: bytes = b"", *, key: bytes = b"", person: bytes = b"", **rest: Any) -> Any:
        hashed = blake2b(data, key=key, person=person, **rest)
        if key:
            log.keyed_hash(key, hashed.digest())
        return hashed

    def plain_hash(data: bytes = b"", **rest: Any) -> Any:
        hashed = sha512(data, **rest)
        log.hashed(data, hashed.digest())
        return hashed

    with (
        patch.object(kdf, "HKDF", LoggedHkdf),
        patch.object(hashlib, "blake2b", keyed_hash),
        patch.object(hashlib, "sha512", plain_hash),
    ):
        yield


@contextmanager
def _ciphers(log: Log) -> Iterator[None]:
    class LoggedCipher:
        def __init__(self, key: bytes) -> None:
            self._key, self._cipher = key, ChaCha20Poly1305(key)

        def encrypt(self, nonce: bytes, plaintext: bytes, data: bytes | None) -> bytes:
            ciphertext = self._cipher.encrypt(nonce, plaintext, data)
            log.encryption(self._key, plaintext, ciphertext)
            return ciphertext

        def decrypt(self, nonce: bytes, ciphertext: bytes, data: bytes | None) -> bytes:
            plaintext = self._cipher.decrypt(nonce, ciphertext, data)
            log.encryption(self._key, plaintext, ciphertext)
            return plaintext

    with patch.object(aead, "ChaCha20Poly1305", LoggedCipher):
        yield


@contextmanager
def _kem(log: Log, kem_class: type[Any]) -> Iterator[None]:
    """The library's KEM, or the toy that takes its place in short explorations."""
    genuine_key, genuine_encapsulate = kem_class.public_key, kem_class.encapsulate
    genuine_decapsulate = kem_class.decapsulate

    def public_key(kem: object, seed: KemSeed) -> bytes:
        public: bytes = genuine_key(kem, seed)
        log.kem_key(seed.raw, public)
        return public

    def encapsulate(kem: object, public: bytes) -> tuple[KemSecret, bytes]:
        secret, ciphertext = genuine_encapsulate(kem, public)
        log.encapsulation(public, secret.raw, ciphertext)
        return secret, ciphertext

    def decapsulate(kem: object, seed: KemSeed, ciphertext: bytes) -> KemSecret:
        secret: KemSecret = genuine_decapsulate(kem, seed, ciphertext)
        log.decapsulation(seed.raw, ciphertext, secret.raw)
        return secret

    with (
        patch.object(kem_class, "public_key", public_key),
        patch.object(kem_class, "encapsulate", encapsulate),
        patch.object(kem_class, "decapsulate", decapsulate),
    ):
        yield


@contextmanager
def _codes(log: Log) -> Iterator[None]:
    genuine_chunk, genuine_decode = Code.chunk, Code.decode

    def chunk(code: Code, stream: bytes, index: int) -> bytes:
        made = genuine_chunk(code, stream, index)
        log.chunks(code.k, stream, {index: made})
        return made

    def decode(code: Code, chunks: Mapping[int, bytes]) -> bytes:
        stream = genuine_decode(code, chunks)
        log.chunks(code.k, stream, chunks)
        return stream

    with patch.object(Code, "chunk", chunk), patch.object(Code, "decode", decode):
        yield
