"""The one registry of domain-separation labels.

A label stands for one purpose and is used with one algorithm. Labels of HKDF, SHA-512, signatures and
associated data are length-prefixed where they are used, so none can be the beginning of another's input.
The personalisations of BLAKE2b are exactly 16 bytes, as the function takes them.
"""

from __future__ import annotations

from typing import Final

# --- signatures ---------------------------------------------------------------------------------
SIGN_IDENTITY: Final = b"ratchetlib/1 identity agreement key"
SIGN_BUNDLE: Final = b"ratchetlib/1 signed bundle"
SIGN_ONE_TIME: Final = b"ratchetlib/1 one-time item"

# --- SHA-512 ------------------------------------------------------------------------------------
HASH_BUNDLE_ID: Final = b"ratchetlib/1 bundle id"
HASH_ONE_TIME_ID: Final = b"ratchetlib/1 one-time id"
HASH_TRANSCRIPT_0: Final = b"ratchetlib/1 transcript 0"
HASH_TRANSCRIPT_1: Final = b"ratchetlib/1 transcript 1"
HASH_PREFIX: Final = b"ratchetlib/1 handshake prefix"
HASH_PQ_KEY: Final = b"ratchetlib/1 pq key"
HASH_PQ_EXCHANGE: Final = b"ratchetlib/1 pq exchange"
HASH_FINGERPRINT: Final = b"ratchetlib/1 fingerprint"
HASH_RECORD: Final = b"ratchetlib/1 anchor record"

# --- HKDF-SHA-512 -------------------------------------------------------------------------------
KDF_IDENTITY_BLOCK: Final = b"ratchetlib/1 identity block"
KDF_SESSION: Final = b"ratchetlib/1 session"
KDF_PQ_SECRET: Final = b"ratchetlib/1 pq secret"
KDF_ROOT_STEP: Final = b"ratchetlib/1 root step"

# --- associated data ----------------------------------------------------------------------------
AD_HEADER: Final = b"ratchetlib/1 header"
AD_BODY: Final = b"ratchetlib/1 body"

# --- BLAKE2b personalisations, 16 bytes each ----------------------------------------------------
PERSON_CHAIN_STEP: Final = b"ratchetlib1chain"
PERSON_SEAL_BODY: Final = b"ratchetlib1 body"
PERSON_SEAL_IDENTITY: Final = b"ratchetlib1ident"
PERSON_SEAL_STATE: Final = b"ratchetlib1state"
PERSON_STATE_KEY: Final = b"ratchetlib1vault"
