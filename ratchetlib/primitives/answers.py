"""Known answers of the self-test, with their sources."""

from __future__ import annotations

from typing import Final

SHA512_ABC: Final = bytes.fromhex(
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
    "454d4423643ce80e2a9ac94fa54ca49f"
)
"""FIPS 180-4, example of SHA-512."""

HKDF_SHA512: Final = bytes.fromhex(
    "3ff63222ef08983423a6f2b9b83a5a62da8848c1ff77ff9d0d0cda675bee65e49e47d9aad312defa292d3e592330e0f0"
    "da1b50fdfaa9ac29003e5135b770189bbc3a5d0754d84ce4912a833174df317ca1aacb92135c5c5365326d8d1ec74d70"
)
"""RFC 5869 over this package's own inputs, computed with the standard library's HMAC."""

CHAIN_STEP: Final = bytes.fromhex(
    "5e381ad65efe27925fd50758996f1f75d2eae18dcf3cd6e8ee302a5724dc45ea351f9879a7fc5e5223180bc60086c70a"
    "94693d25d017c0e325ea283f9c90488a"
)
"""One chain step of the key 00..1f, computed with libsodium and with hashlib."""

X25519_SCALAR: Final = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
"""RFC 7748 section 5.2, first vector."""

X25519_POINT: Final = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
"""RFC 7748 section 5.2, first vector."""

X25519_SHARED: Final = bytes.fromhex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
"""RFC 7748 section 5.2, first vector."""

X25519_ORDER_8: Final = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
"""A point of order 8: every agreement with it is zero."""

X25519_NON_CANONICAL: Final = bytes.fromhex("f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
"""9 + p: an alias of the base point."""

ED25519_SEED: Final = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
"""RFC 8032 section 7.1, TEST 1."""

ED25519_PUBLIC: Final = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""RFC 8032 section 7.1, TEST 1."""

ED25519_IDENTITY_POINT: Final = bytes.fromhex("0100000000000000000000000000000000000000000000000000000000000000")
"""The neutral element, of order 1."""

ED25519_MIXED_ORDER: Final = bytes.fromhex("16a567fe7d4ef5482ab4012c369bf8c5f11e8d0c2559dcda50fde59708f8aee5")
"""That key plus the point of order 2: what the point check behind CVE-2025-69277 let pass."""

ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""L of RFC 8032 section 5.1: S and S + L would be two signatures in one."""

ML_KEM_768_PUBLIC_HASH: Final = bytes.fromhex("0b7934c83125c788995e2ba6bd761e33046b3e40571be53e023309a29f398cc9")
"""SHA-256 of the key from the seed 00..3f; agrees with kyber-py 1.2.0."""

ML_KEM_768_REJECTED: Final = bytes.fromhex("f1fa32e140399ecf920c513d1ea512f2fb4b3c2763534e24b8584281ff6f45b9")
"""Implicit rejection of SHAKE256(name); agrees with kyber-py 1.2.0."""

ML_KEM_1024_PUBLIC_HASH: Final = bytes.fromhex("c7b8fa0aa471d5ae18922d6ccad5b31e1d84f92ae723abfd13747018740a8530")
"""SHA-256 of the key from the seed 00..3f; agrees with kyber-py 1.2.0."""

ML_KEM_1024_REJECTED: Final = bytes.fromhex("1e934225be531b8f966e1e88acd7c028ec0528309f09874625d463d32ef036ab")
"""Implicit rejection of SHAKE256(name); agrees with kyber-py 1.2.0."""

AEAD_KEY: Final = bytes.fromhex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")
"""RFC 8439 section 2.8.2."""

AEAD_NONCE: Final = bytes.fromhex("070000004041424344454647")
"""RFC 8439 section 2.8.2."""

AEAD_DATA: Final = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
"""RFC 8439 section 2.8.2."""

AEAD_PLAINTEXT: Final = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you "
    b"only one tip for the future, sunscreen would be it."
)
"""RFC 8439 section 2.8.2."""

AEAD_SEALED_HASH: Final = bytes.fromhex("4e54427e462f3beb69677d39865c5da8d57f603a85f7bf71368dce8ec9b9933c")
"""SHA-256 of RFC 8439 section 2.8.2's ciphertext and tag."""

COMMITTING_SEAL: Final = bytes.fromhex(
    "3eb6e3f7a54875b84edf41de1d89495b66ccb510ecbe66e7e02407498b4c52d4edb9b3b95f75b5678e6600761a7b4b2dda6d883232ef82dcd2"
)
"""Commitment, ciphertext and tag of `seal` over this package's own inputs (key 00..1f, nonce 00..17)."""
