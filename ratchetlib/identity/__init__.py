"""Who a device is: its long-term keys, its address, and the fingerprint that people compare."""

from ratchetlib.identity.address import require_address
from ratchetlib.identity.fingerprint import Fingerprint
from ratchetlib.identity.pair import IdentityKeyPair, agree_as, sign_as
from ratchetlib.identity.public import IDENTITY_LENGTH, IdentityKey, authenticated_identity

__all__ = [
    "IDENTITY_LENGTH",
    "Fingerprint",
    "IdentityKey",
    "IdentityKeyPair",
    "agree_as",
    "authenticated_identity",
    "require_address",
    "sign_as",
]
