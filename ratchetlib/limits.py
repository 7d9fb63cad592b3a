"""Every bound and default of the protocol, each once, with its reason."""

from __future__ import annotations

from typing import Final

DAY: Final = 24 * 60 * 60
"""Seconds in a day. All times are whole seconds since the Unix epoch, as an unsigned 64-bit number."""

TIME_LIMIT: Final = 2**38
"""Seconds from which a caller's time is taken for a mistake: about the year 10,700, or milliseconds of our days."""

# --- ratchet ------------------------------------------------------------------------------------

MAX_SKIP: Final = 1_000
"""Message keys that one message may make us skip: the gap in the old chain plus the gap in the new one.
A peer can cost us this many derivations (about 1 ms) a message; losing more than that needs a handshake."""

MAX_STORED_SKIPPED: Final = 2_000
"""Skipped message keys that a session stores, oldest out first: 72 KB of state, twice MAX_SKIP so that one
large gap never evicts the whole of the one before it."""

MAX_CLOSED_CHAINS: Final = 5
"""Receiving chains kept after the peer opened a new one. With the current and the next header key that makes
at most seven header trials for a message."""

MAX_CHAIN_LENGTH: Final = 2**24
"""Messages in one chain, all under one header key with random 12-byte nonces: 2^24 of them collide with
probability below 2^-48."""

HEALING_DUE_MESSAGES: Final = 50
"""Messages since the last Diffie-Hellman step from which `health()` calls healing due. The application
answers with an empty message. OMEMO's implementations settled on about the same number (53)."""

PQ_DUE_MESSAGES: Final = 500
"""Messages since the last post-quantum step from which `health()` calls it overdue: three epochs of lopsided traffic
(10 to 1), ten of an even conversation. Something keeps the chunks from arriving, or the peer from answering."""

MAX_CHUNKS: Final = 64
"""Distinct chunks of one key or ciphertext, five times what rebuilds it; then the same ones come again. It bounds
what a sender makes and remembers on a long one-way run."""

# --- message ------------------------------------------------------------------------------------

MAX_PLAINTEXT: Final = 2**20
"""Plaintext bytes in one message unless the caller says otherwise: larger content travels detached."""

MAX_PLAINTEXT_CEILING: Final = 2**30
"""The most a caller may raise that to: OpenSSL takes inputs below 2^31 bytes."""

MAX_ASSOCIATED_DATA: Final = 2**16
"""Bytes of associated data that the caller may bind to one message."""

PADME_FLOOR: Final = 64
"""The smallest padded plaintext: short messages (yes, no, ok, a receipt) all look alike."""

# --- identity and handshake ---------------------------------------------------------------------

MAX_ADDRESS: Final = 128
"""Bytes of an address. It travels padded to this in the first message, so it must be fixed and small."""

FINGERPRINT_ITERATIONS: Final = 5_200
"""SHA-512 iterations for each half of a fingerprint, as Signal's: makes grinding a 100-bit half slower."""

MAX_CLOCK_SKEW: Final = DAY
"""How far the clocks of two honest devices may differ."""

MAX_BUNDLE_LIFETIME: Final = 14 * DAY
"""A bundle's longest validity: bounds how long a server can serve an old one."""

BUNDLE_RETENTION: Final = 14 * DAY
"""How long after a bundle's end its private halves live: the longest delay of a first message."""

MAX_BUNDLE_PART: Final = 2_048
"""Bytes of an encoded signed bundle or one-time item: both are below this with the longest address."""

MAX_BUNDLES: Final = 8
"""Bundles alive in a ring. Rotating weekly keeps five; the rest is room for rotation out of turn."""

MAX_ONE_TIME_ITEMS: Final = 1_000
"""One-time items in a ring, used or not: bounds the ring's state."""

MAX_REMEMBERED_HANDSHAKES: Final = 4_096
"""Handshakes without a one-time item that one bundle accepts: each is remembered until the bundle dies,
and forgetting one would let it be replayed."""

# --- state at rest ------------------------------------------------------------------------------

STORAGE_KEY_LENGTH: Final = 32
"""Bytes of a storage key: uniformly random, from the platform's key store."""

MAX_STORAGE_KEY_ID: Final = 32
"""Bytes of a storage key's name, which stands in clear in each blob."""

MAX_CONTEXT_NAME: Final = 255
"""Bytes of the owner and of the peer that a blob is bound to: two addresses, with room for a session id."""

STATE_PADDING: Final = 1_024
"""Sealed content is padded to a multiple of this, so that a blob's size tells little about the skipped keys."""

MAX_STATE: Final = 4 * 2**20
"""Bytes of a sealed blob that are looked at: a full ring takes less than 3 MiB."""

# --- random source ------------------------------------------------------------------------------

REPETITION_CUTOFF: Final = 6
"""SP 800-90B 4.4.1 for 8-bit samples of full entropy: six equal bytes in a row. False alarm rate 2^-40 a byte, hence
2^-36 a draw of 24 bytes and 2^-24 a full test."""

PROPORTION_WINDOW: Final = 512
"""SP 800-90B 4.4.2: samples in one window for non-binary sources."""

PROPORTION_CUTOFF: Final = 19
"""SP 800-90B 4.4.2 for 8-bit samples of full entropy, at a false alarm rate of 2^-40 a window."""

MAX_DRAW: Final = 2**16
"""Bytes of one draw: far above any key, low enough that a caller's mistake is seen."""

REPEAT_BLOCK: Final = 16
"""Bytes of a block that must never come twice: chance 2^-128 a pair."""

REPEAT_MEMORY: Final = 4_096
"""Blocks, one a draw, that the continuous test remembers at least (as digests) to find a repeat."""

HEALTH_SAMPLE: Final = 2**16 + PROPORTION_WINDOW
"""Bytes that a full health test draws: any source with a period up to 65,536 bytes repeats inside it."""

HEALTH_TEST_INTERVAL: Final = 2**16
"""Draws between two full health tests."""
