"""ML-KEM (FIPS 203), over OpenSSL: 1024 in the handshake, 768 in the ratchet.

A private key is kept as its 64-byte seed only: an expanded key can be malformed in ways that a seed cannot
(Schmieg, "Unbindable Kemmy Schmidt", 2024). ML-KEM is not contributory and rejects implicitly: a wrong ciphertext
yields an unrelated secret and no error, so something authenticated must always follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import mlkem

from ratchetlib.errors import InvalidKey, MalformedMessage
from ratchetlib.keys import KemPublicKey, KemSecret, KemSeed
from ratchetlib.primitives.random import random_bytes

_RHO_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Kem:
    """One parameter set of ML-KEM.

    Attributes:
        name: as FIPS 203 writes it.
        public_key_length: bytes of an encapsulation key.
        ciphertext_length: bytes of a ciphertext.
    """

    name: str
    public_key_length: int
    ciphertext_length: int
    _private: type[mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey]
    _public: type[mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey]

    def generate(self) -> KemSeed:
        """A fresh seed (d, z); `RandomnessError` if the random source has failed."""
        return KemSeed(random_bytes(KemSeed.LENGTH))

    def public_key(self, seed: KemSeed) -> KemPublicKey:
        """The encapsulation key that the seed expands to."""
        return KemPublicKey(self._private.from_seed_bytes(seed.raw).public_key().public_bytes_raw())

    def parse_public_key(self, raw: bytes) -> KemPublicKey:
        """Check an encapsulation key from outside (FIPS 203 section 7.2).

        Raises:
            InvalidKey: another type or length, a coefficient not below 3329, or a vector t of zeros only, under
                which anybody could compute the shared secret.
        """
        if type(raw) is not bytes or len(raw) != self.public_key_length:
            raise InvalidKey(f"an {self.name} encapsulation key is {self.public_key_length} bytes")
        # The vector comes first and the 32-byte seed rho last.
        if not any(raw[:-_RHO_LENGTH]):
            raise InvalidKey(f"an {self.name} encapsulation key must not be zero")
        if not self._loads(raw):
            raise InvalidKey(f"an {self.name} encapsulation key must be reduced")
        return KemPublicKey(raw)

    def encapsulate(self, public: KemPublicKey) -> tuple[KemSecret, bytes]:
        """A fresh shared secret and its ciphertext, for a parsed key. The randomness is OpenSSL's own."""
        secret, ciphertext = self._public.from_public_bytes(public).encapsulate()
        return KemSecret(secret), ciphertext

    def decapsulate(self, seed: KemSeed, ciphertext: bytes) -> KemSecret:
        """The shared secret; for a ciphertext that is not of this key, an unrelated one.

        Raises:
            MalformedMessage: the ciphertext has another length.
        """
        if len(ciphertext) != self.ciphertext_length:
            raise MalformedMessage(
                f"an {self.name} ciphertext is {self.ciphertext_length} bytes, not {len(ciphertext)}"
            )
        return KemSecret(self._private.from_seed_bytes(seed.raw).decapsulate(ciphertext))

    def _loads(self, raw: bytes) -> bool:
        try:
            self._public.from_public_bytes(raw)
        except ValueError:  # its text speaks of the length even when a coefficient is at fault
            return False
        return True


ML_KEM_768: Final = Kem("ML-KEM-768", 1184, 1088, mlkem.MLKEM768PrivateKey, mlkem.MLKEM768PublicKey)
ML_KEM_1024: Final = Kem("ML-KEM-1024", 1568, 1568, mlkem.MLKEM1024PrivateKey, mlkem.MLKEM1024PublicKey)
