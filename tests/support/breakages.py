"""Dependencies that answer wrongly: each breakage is made before ratchetlib is imported, and the import must fail.

As a script: `breakages.py NAME` imports twice, broken and then mended, and prints both outcomes as JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import importlib
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import nacl.bindings
import nacl.exceptions
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem, x25519
from cryptography.hazmat.primitives.ciphers import aead
from cryptography.hazmat.primitives.kdf import hkdf
from support import bad_sources
from support import edwards25519 as edwards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Breakage = tuple[Any, str, Any]
"""What is replaced: the owner, the name in it, the false value."""

ORDER_8: Final = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")


class Around:
    """A library's object behind a false one; what the subclass does not falsify goes through."""

    real: Any

    def __init__(self, *arguments: Any) -> None:
        self._inner = self.real(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def flipped(data: bytes) -> bytes:
    """Another string of the same length."""
    return bytes([data[0] ^ 1]) + data[1:]


def answering_wrongly(owner: Any, name: str) -> Breakage:
    """A function whose output has one bit wrong."""
    real = getattr(owner, name)
    return owner, name, lambda *arguments, **options: flipped(real(*arguments, **options))


def returning(owner: Any, name: str, value: object) -> Breakage:
    """A function that says the same whatever it is asked."""
    return owner, name, lambda *_, **__: value


def raising(owner: Any, name: str) -> Breakage:
    """A function that raises what nobody expects."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("broken")

    return owner, name, fail


# --- hashing ------------------------------------------------------------------------------------


def sha512_of_something_else() -> Breakage:
    real = hashlib.sha512
    return hashlib, "sha512", lambda data=b"": real(data + b"\0")


def blake2b_without(option: str) -> Breakage:
    real = hashlib.blake2b
    return hashlib, "blake2b", lambda data=b"", **options: real(data, **{**options, option: b""})


def hkdf_without_salt() -> Breakage:
    real = hkdf.HKDF
    return hkdf, "HKDF", lambda algorithm, length, _salt, info: real(algorithm, length, None, info)


def hkdf_without_info() -> Breakage:
    real = hkdf.HKDF
    return hkdf, "HKDF", lambda algorithm, length, salt, _info: real(algorithm, length, salt, None)


# --- X25519 -------------------------------------------------------------------------------------


def x25519_openssl_wrong() -> Breakage:
    class Wrong(Around):
        real = x25519.X25519PrivateKey.from_private_bytes
        from_private_bytes: Any

        def exchange(self, public: Any) -> bytes:
            return flipped(self._inner.exchange(public))

    Wrong.from_private_bytes = Wrong
    return x25519, "X25519PrivateKey", Wrong


def x25519_takes_low_order() -> Breakage:
    """Not even zero comes out, which the package's own second line would see."""
    real = nacl.bindings.crypto_scalarmult
    return (
        nacl.bindings,
        "crypto_scalarmult",
        lambda private, public: private if public == ORDER_8 else real(private, public),
    )


# --- Ed25519 ------------------------------------------------------------------------------------


def ed25519_mismatched_halves() -> Breakage:
    """Key generation that pairs a public key with another key's private half."""
    real = nacl.bindings.crypto_sign_seed_keypair
    return nacl.bindings, "crypto_sign_seed_keypair", lambda seed: (real(seed)[0], real(flipped(seed))[1])


def ed25519_signs_with_a_constant_nonce() -> Breakage:
    """Every signature verifies, and any two of them give the private key away."""

    def crypto_sign(message: bytes, private: bytes) -> bytes:
        number = int.from_bytes(hashlib.sha512(private[:32]).digest()[:32], "little")
        scalar = number & ~7 & ~(1 << 255) | 1 << 254
        commitment = edwards.encode(edwards.multiply(7, edwards.BASE))
        challenge = edwards.challenge(commitment, private[32:], message)
        return edwards.join(commitment, (7 + challenge * scalar) % edwards.GROUP_ORDER) + message

    return nacl.bindings, "crypto_sign", crypto_sign


def ed25519_takes_the_identity() -> Breakage:
    real = nacl.bindings.crypto_core_ed25519_is_valid_point
    return (
        nacl.bindings,
        "crypto_core_ed25519_is_valid_point",
        lambda encoded: encoded == edwards.encode(edwards.IDENTITY) or real(encoded),
    )


def ed25519_verifies_with_openssl() -> Breakage:
    def crypto_sign_open(signed: bytes, public: bytes) -> bytes:
        with contextlib.suppress(InvalidSignature, ValueError):
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signed[:64], signed[64:])
            return signed[64:]
        raise nacl.exceptions.BadSignatureError

    return nacl.bindings, "crypto_sign_open", crypto_sign_open


def ed25519_takes_large_s() -> Breakage:
    """Malleability: S is reduced instead of refused."""
    real = nacl.bindings.crypto_sign_open

    def crypto_sign_open(signed: bytes, public: bytes) -> bytes:
        reduced = int.from_bytes(signed[32:64], "little") % edwards.GROUP_ORDER
        return real(edwards.join(signed[:32], reduced) + signed[64:], public)

    return nacl.bindings, "crypto_sign_open", crypto_sign_open


def ed25519_point_check_misses_order_2() -> Breakage:
    """CVE-2025-69277: a point of the prime-order subgroup plus the one of order 2 passes as well."""
    real = nacl.bindings.crypto_core_ed25519_is_valid_point

    def is_valid_point(encoded: bytes) -> bool:
        number = int.from_bytes(encoded, "little")
        # Adding the point of order 2 negates both coordinates.
        y, sign = -(number % 2**255) % edwards.FIELD_PRIME, 1 - (number >> 255)
        return real(encoded) or real(edwards.with_sign(y, sign))

    return nacl.bindings, "crypto_core_ed25519_is_valid_point", is_valid_point


# --- ML-KEM -------------------------------------------------------------------------------------


def ml_kem_private(parameters: str, method: str, falsify: Callable[[bytes], bytes]) -> Breakage:
    name = f"{parameters}PrivateKey"

    class Wrong(Around):
        real = getattr(mlkem, name).from_seed_bytes
        from_seed_bytes: Any

    def call(self: Wrong, *arguments: Any) -> bytes:
        return falsify(getattr(self._inner, method)(*arguments))

    setattr(Wrong, method, call)
    Wrong.from_seed_bytes = Wrong
    return mlkem, name, Wrong


def ml_kem_public_key_of_another_seed(parameters: str) -> Breakage:
    name = f"{parameters}PrivateKey"
    real = getattr(mlkem, name).from_seed_bytes

    class Wrong(Around):
        from_seed_bytes: Any

        def public_key(self) -> Any:
            return real(bytes(64)).public_key()

    Wrong.real = real
    Wrong.from_seed_bytes = Wrong
    return mlkem, name, Wrong


def ml_kem_public(parameters: str, **methods: Any) -> Breakage:
    name = f"{parameters}PublicKey"
    real = getattr(mlkem, name).from_public_bytes
    wrong = type("Wrong", (Around,), {"real": real, **methods})
    wrong.from_public_bytes = wrong  # type: ignore[attr-defined]
    return mlkem, name, wrong


def ml_kem_takes_any_key(parameters: str) -> Breakage:
    return ml_kem_public(parameters, __init__=lambda *_: None, encapsulate=lambda _: (bytes(32), b""))


def ml_kem_takes_unreduced(parameters: str) -> Breakage:
    """The check of FIPS 203 section 7.2 left out: an unreduced key is loaded like the reduced one."""
    name = f"{parameters}PublicKey"
    load = getattr(mlkem, name).from_public_bytes

    def from_public_bytes(raw: bytes) -> Any:
        try:
            return load(raw)
        except ValueError:
            return load(bytes(len(raw)))

    return mlkem, name, type("Wrong", (), {"from_public_bytes": staticmethod(from_public_bytes)})


def ml_kem_encapsulates_the_same(parameters: str) -> Breakage:
    """OpenSSL's own generator is stuck: secret and ciphertext fit together and are known to everybody."""
    first: list[Any] = []

    def encapsulate(self: Around) -> Any:
        first[:] = first or [self._inner.encapsulate()]
        return first[0]

    return ml_kem_public(parameters, encapsulate=encapsulate)


# --- ChaCha20-Poly1305 --------------------------------------------------------------------------


def chacha_wrong_ciphertext() -> Breakage:
    class Wrong(Around):
        real = aead.ChaCha20Poly1305

        def encrypt(self, *arguments: Any) -> bytes:
            return flipped(self._inner.encrypt(*arguments))

    return aead, "ChaCha20Poly1305", Wrong


def chacha_takes_any_tag() -> Breakage:
    class Wrong(Around):
        real = aead.ChaCha20Poly1305

        def decrypt(self, nonce: bytes, sealed: bytes, data: bytes | None) -> bytes:
            try:
                return bytes(self._inner.decrypt(nonce, sealed, data))
            except InvalidTag:
                return sealed[:-16]

    return aead, "ChaCha20Poly1305", Wrong


def chacha_looks_at_15_bytes_of_the_tag() -> Breakage:
    class Wrong(Around):
        real = aead.ChaCha20Poly1305

        def decrypt(self, nonce: bytes, sealed: bytes, data: bytes | None) -> bytes:
            for last in range(256):
                with contextlib.suppress(InvalidTag):
                    return bytes(self._inner.decrypt(nonce, sealed[:-1] + bytes([last]), data))
            raise InvalidTag

    return aead, "ChaCha20Poly1305", Wrong


def chacha_ignores_associated_data() -> Breakage:
    """The ciphertext is right; opening it does not look at the associated data."""

    class Wrong(Around):
        real = aead.ChaCha20Poly1305

        def encrypt(self, nonce: bytes, plaintext: bytes, data: bytes | None) -> bytes:
            sealed = bytes(self._inner.encrypt(nonce, plaintext, data))
            self._sealed = (nonce, sealed, data)
            return sealed

        def decrypt(self, nonce: bytes, sealed: bytes, data: bytes | None) -> bytes:
            remembered = self.__dict__.get("_sealed", (None, None, None))
            return bytes(self._inner.decrypt(nonce, sealed, remembered[2] if sealed == remembered[1] else data))

    return aead, "ChaCha20Poly1305", Wrong


BREAKAGES: Final[dict[str, tuple[str, Callable[[], Breakage]]]] = {
    # what is broken: the check that must be named, and how it is broken
    "libsodium cannot initialise": ("libsodium initialises", lambda: raising(nacl.bindings, "sodium_init")),
    "SHA-512 hashes something else": ("SHA-512", sha512_of_something_else),
    "HKDF ignores the salt": ("HKDF-SHA-512", hkdf_without_salt),
    "HKDF ignores the info": ("HKDF-SHA-512", hkdf_without_info),
    "BLAKE2b ignores the key": ("keyed BLAKE2b", lambda: blake2b_without("key")),
    "BLAKE2b ignores the person": ("keyed BLAKE2b", lambda: blake2b_without("person")),
    "libsodium's BLAKE2b is wrong": (
        "keyed BLAKE2b",
        lambda: answering_wrongly(nacl.bindings, "crypto_generichash_blake2b_salt_personal"),
    ),
    "X25519 is wrong": ("X25519", lambda: answering_wrongly(nacl.bindings, "crypto_scalarmult")),
    "X25519 public keys are wrong": ("X25519", lambda: answering_wrongly(nacl.bindings, "crypto_scalarmult_base")),
    "X25519 raises": ("X25519", lambda: raising(nacl.bindings, "crypto_scalarmult")),
    "OpenSSL's X25519 differs": ("X25519", x25519_openssl_wrong),
    "X25519 takes a point of low order": ("X25519 refusals", x25519_takes_low_order),
    "Ed25519 keys do not belong together": ("Ed25519", ed25519_mismatched_halves),
    "Ed25519 signatures are wrong": ("Ed25519", lambda: answering_wrongly(nacl.bindings, "crypto_sign")),
    "Ed25519 signs with a constant nonce": ("Ed25519", ed25519_signs_with_a_constant_nonce),
    "Ed25519 verifies nothing": ("Ed25519", lambda: raising(nacl.bindings, "crypto_sign_open")),
    "Ed25519 takes no key": (
        "Ed25519",
        lambda: returning(nacl.bindings, "crypto_core_ed25519_is_valid_point", value=False),
    ),
    "Ed25519 takes any signature": ("Ed25519 refusals", lambda: returning(nacl.bindings, "crypto_sign_open", b"")),
    "Ed25519 verifies with OpenSSL": ("Ed25519 refusals", ed25519_verifies_with_openssl),
    "Ed25519 takes S above the group order": ("Ed25519 refusals", ed25519_takes_large_s),
    "Ed25519 takes any key": (
        "Ed25519 refusals",
        lambda: returning(nacl.bindings, "crypto_core_ed25519_is_valid_point", value=True),
    ),
    "Ed25519 takes the identity as a key": ("Ed25519 refusals", ed25519_takes_the_identity),
    "Ed25519 takes a key of mixed order": ("Ed25519 refusals", ed25519_point_check_misses_order_2),
    **{
        f"ML-KEM-{size} {what}": (check.format(size), partial(make, f"MLKEM{size}"))
        for size in (768, 1024)
        for what, check, make in (
            ("makes the key of another seed", "ML-KEM-{}", ml_kem_public_key_of_another_seed),
            ("yields wrong secrets", "ML-KEM-{}", lambda name: ml_kem_private(name, "decapsulate", flipped)),
            ("yields zero for every ciphertext", "ML-KEM-{}", lambda name: ml_kem_private(name, "decapsulate", _zero)),
            ("encapsulates the same secret again", "ML-KEM-{}", ml_kem_encapsulates_the_same),
            ("takes any key", "ML-KEM refusals", ml_kem_takes_any_key),
            ("takes an unreduced key", "ML-KEM refusals", ml_kem_takes_unreduced),
        )
    },
    "ChaCha20-Poly1305 is wrong": ("ChaCha20-Poly1305", chacha_wrong_ciphertext),
    "libsodium's ChaCha20-Poly1305 differs": (
        "ChaCha20-Poly1305",
        lambda: answering_wrongly(nacl.bindings, "crypto_aead_chacha20poly1305_ietf_encrypt"),
    ),
    "ChaCha20-Poly1305 takes any tag": ("ChaCha20-Poly1305 refusals", chacha_takes_any_tag),
    "ChaCha20-Poly1305 looks at 15 bytes of the tag": (
        "ChaCha20-Poly1305 refusals",
        chacha_looks_at_15_bytes_of_the_tag,
    ),
    "ChaCha20-Poly1305 ignores associated data": ("ChaCha20-Poly1305 refusals", chacha_ignores_associated_data),
    "everything compares equal": ("X25519", lambda: returning(hmac, "compare_digest", value=True)),
    "nothing compares equal": ("committing seal", lambda: returning(hmac, "compare_digest", value=False)),
    "the random source is stuck": ("random source", lambda: _random(bad_sources.stuck)),
    "the random source repeats each call": ("random source", lambda: _random(bad_sources.frozen)),
    "the random source has a period of 28": ("random source", lambda: _random(bad_sources.Periodic(28))),
    "the random source has a period of 40": ("random source", lambda: _random(bad_sources.Periodic(40))),
    "the random source has a period of 65,536": ("random source", lambda: _random(bad_sources.Periodic(65_536))),
    "the random source has four bits": ("random source", lambda: _random(bad_sources.Symbols(4, seed=1))),
    "the random source raises": ("random source", lambda: raising(nacl.bindings, "randombytes")),
}


def _zero(secret: bytes) -> bytes:
    return bytes(len(secret))


def _random(generator: Callable[[int], bytes]) -> Breakage:
    return nacl.bindings, "randombytes", generator


@contextlib.contextmanager
def broken(breakage: Breakage) -> Iterator[None]:
    owner, name, value = breakage
    real = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, real)


def outcome_of_import() -> str | None:
    """The error's class and text; None where the import succeeds."""
    try:
        importlib.import_module("ratchetlib")
    except Exception as error:  # noqa: BLE001  # which one it is, the test judges
        return f"{type(error).__module__}.{type(error).__qualname__}: {error}"
    return None


def main(name: str) -> None:
    with broken(BREAKAGES[name][1]()):
        first = outcome_of_import()
    sys.stdout.write(json.dumps([first, outcome_of_import()]))


if __name__ == "__main__":
    main(sys.argv[1])
