"""ChaCha20-Poly1305 (RFC 8439), over OpenSSL: half the call cost of libsodium's binding."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ratchetlib.secret import SecretBytes

NONCE_LENGTH: Final = 12
TAG_LENGTH: Final = 16
_ZERO_NONCE: Final = bytes(NONCE_LENGTH)


def seal_once(key: bytes, plaintext: bytes) -> bytes:
    """The ciphertext and its 16-byte tag, under the zero nonce: `key` is 32 bytes and never used again."""
    return ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, plaintext, None)


def open_once(key: bytes, sealed: bytes) -> bytes | None:
    """The plaintext of what `seal_once` made, or None. Input of any length is taken."""
    try:
        return ChaCha20Poly1305(key).decrypt(_ZERO_NONCE, sealed, None)
    except InvalidTag:
        return None


class HeaderKey(SecretBytes):
    """HKs, HKr, NHKs, NHKr: encrypts the headers of one chain, each with a random nonce.

    The one key that seals more than once, so it keeps its cipher: setting one up costs as much as a header. That is why
    this role stands here and not in `keys`.
    """

    __slots__ = ("_cipher",)
    LENGTH: ClassVar[int] = 32
    _cipher: ChaCha20Poly1305 | None

    # Not in `__init__`, whose frame would show a refused key in the traceback.
    def __new__(cls, _raw: bytes) -> Self:
        """Begin without a cipher."""
        key = super().__new__(cls)
        key._cipher = None
        return key

    def seal(self, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        """The ciphertext and its 16-byte tag; `nonce` is 12 random bytes."""
        cipher = self._cipher
        if cipher is None:
            cipher = self._cipher = ChaCha20Poly1305(self.raw)
        return cipher.encrypt(nonce, plaintext, associated_data)

    def open(self, nonce: bytes, sealed: bytes, associated_data: bytes) -> bytes | None:
        """The plaintext, or None: trials under other chains' keys are the rule, and leave nothing behind."""
        cipher = self._cipher or ChaCha20Poly1305(self.raw)
        try:
            plaintext = cipher.decrypt(nonce, sealed, associated_data)
        except InvalidTag:
            return None
        self._cipher = cipher
        return plaintext

    def rested(self) -> HeaderKey:
        """The same key without its cipher (2 KB): its chain is closed, and late messages are few."""
        return HeaderKey(self.raw)
