"""Every flag: the class of bug that its cases catch, and where to read about it."""

from __future__ import annotations

from typing import Any, Final

DOUBLE_RATCHET: Final = "https://signal.org/docs/specifications/doubleratchet/"
PQXDH: Final = "https://signal.org/docs/specifications/pqxdh/"
SPQR: Final = "https://signal.org/docs/specifications/mlkembraid/"
FIPS_203: Final = "https://doi.org/10.6028/NIST.FIPS.203"
RFC_7748: Final = "https://www.rfc-editor.org/rfc/rfc7748"
RFC_8032: Final = "https://www.rfc-editor.org/rfc/rfc8032"
SP_800_90B: Final = "https://doi.org/10.6028/NIST.SP.800-90B"


def _flag(bug_type: str, description: str, *links: str) -> dict[str, Any]:
    return {"bugType": bug_type, "description": description, "links": list(links)}


FLAGS: Final = {
    "Normal": _flag("BASIC", "What every implementation must get right.", DOUBLE_RATCHET),
    "Label": _flag(
        "DOMAIN_SEPARATION",
        "A label that is misspelt, not length-prefixed or used twice gives keys of one purpose to another.",
        "https://www.rfc-editor.org/rfc/rfc5869#section-3.2",
    ),
    "Limit": _flag(
        "MISSING_LIMIT",
        "A bound that is absent, off by one or too late lets a peer exhaust memory, or refuses an honest one.",
        f"{DOUBLE_RATCHET}#recovering-from-lost-messages",
    ),
    "Registry": _flag(
        "ERROR_HANDLING",
        "An error taken for another: who resets a session on any error can be made to.",
        "https://eprint.iacr.org/2020/1491",
    ),
    "SmallOrder": _flag(
        "CONFINEMENT",
        "A point of small order makes the shared secret known to everybody, or fits one signature to every message.",
        f"{RFC_7748}#section-6.1",
        "https://eprint.iacr.org/2020/1244",
    ),
    "NonCanonical": _flag(
        "MALLEABILITY",
        "A second encoding of a key slips past whatever compares keys: a replay memory, a pin, a set of known keys.",
        f"{RFC_7748}#section-5",
        "https://eprint.iacr.org/2020/1244",
    ),
    "Twist": _flag(
        "OVERSTRICT",
        "X25519 is defined for points of the twist; refusing them is another protocol.",
        f"{RFC_7748}#section-7",
    ),
    "Clamping": _flag(
        "WRONG_PRIMITIVE",
        "Scalars are clamped where they are used, whatever their bits.",
        f"{RFC_7748}#section-5",
    ),
    "WrongLength": _flag(
        "MEMORY_SAFETY",
        "Bindings that do not check lengths read beyond their input.",
        "https://cwe.mitre.org/data/definitions/125.html",
    ),
    "MixedOrder": _flag(
        "SIGNATURE_AMBIGUITY",
        "Keys and points with a component of small order: verifiers disagree about their signatures.",
        "https://eprint.iacr.org/2020/1244",
    ),
    "SignatureMalleability": _flag(
        "MALLEABILITY",
        "S must be below the group order, or each signature has a second form.",
        f"{RFC_8032}#section-5.1.7",
    ),
    "Forgery": _flag(
        "SIGNATURE_NOT_CHECKED",
        "A signature that is not checked, or checked over other bytes, or by another key, lets a server replace keys.",
        PQXDH,
    ),
    "UnreducedKey": _flag(
        "MISSING_CHECK",
        "An encapsulation key with a coefficient of 3329 or more fails the modulus check.",
        f"{FIPS_203}",
        "https://github.com/C2SP/CCTV/tree/main/ML-KEM",
    ),
    "ZeroKey": _flag(
        "CONFINEMENT",
        "ML-KEM is not contributory: under a vector of zeros the ciphertext tells the shared secret.",
        FIPS_203,
    ),
    "ImplicitRejection": _flag(
        "WRONG_PRIMITIVE",
        "A ciphertext that is nobody's yields a secret that follows from the second half of the seed, and no error.",
        FIPS_203,
    ),
    "KemBinding": _flag(
        "RE_ENCAPSULATION",
        "Key and ciphertext must be bound to the secret, or a secret can be encapsulated again to another key.",
        "https://www.usenix.org/conference/usenixsecurity24/presentation/bhargavan",
        "https://eprint.iacr.org/2024/523",
    ),
    "Truncated": _flag("PARSER", "An encoding that ends early.", "https://cwe.mitre.org/data/definitions/125.html"),
    "TrailingBytes": _flag(
        "MALLEABILITY",
        "Bytes behind the end of an encoding give one content many encodings.",
        "https://cwe.mitre.org/data/definitions/1286.html",
    ),
    "BadLength": _flag(
        "PARSER",
        "A length that does not fit what follows, or that may not be.",
        "https://cwe.mitre.org/data/definitions/130.html",
    ),
    "NonZeroPadding": _flag(
        "MALLEABILITY",
        "Fields that are zero by rule are checked, or an encoding has many forms and room for a hidden channel.",
        "https://cwe.mitre.org/data/definitions/1286.html",
    ),
    "UnknownVersion": _flag(
        "DOWNGRADE",
        "A version that is not spoken is told from damage, and never guessed.",
        "https://www.rfc-editor.org/rfc/rfc9170",
    ),
    "UnknownType": _flag(
        "PARSER", "A type, flag or kind outside of its list.", "https://cwe.mitre.org/data/definitions/1286.html"
    ),
    "MixedParts": _flag(
        "UNKNOWN_KEY_SHARE",
        "Parts of two devices, addresses or epochs joined in one bundle.",
        f"{PQXDH}",
    ),
    "Misbinding": _flag(
        "UNKNOWN_KEY_SHARE",
        "Both identities and both addresses are in the keys, so nobody can be made to talk to somebody else.",
        "https://eprint.iacr.org/2014/904",
    ),
    "Downgrade": _flag(
        "DOWNGRADE",
        "What was offered and chosen is in the keys: stripping a part of the handshake is seen.",
        "https://www.usenix.org/conference/usenixsecurity24/presentation/bhargavan",
    ),
    "Validity": _flag(
        "STALE_KEY",
        "A bundle outside of its validity, or older than one seen before: a server replays old keys.",
        PQXDH,
    ),
    "OneTime": _flag(
        "REPLAY",
        "A one-time item serves once and is destroyed only once its first message has authenticated.",
        f"{PQXDH}",
        "https://arxiv.org/abs/2504.07323",
    ),
    "InitialReplay": _flag(
        "REPLAY",
        "A first message without a one-time item can be sent again: it must be remembered as long as its keys live.",
        f"{PQXDH}",
    ),
    "OwnIdentity": _flag(
        "REFLECTION",
        "A session with one's own identity, or one that shares a key with it.",
        "https://eprint.iacr.org/2014/904",
    ),
    "IdentityChange": _flag(
        "SILENT_KEY_CHANGE",
        "An identity that is not the pinned one needs a person's decision before anything is sent.",
        "https://eprint.iacr.org/2014/904",
    ),
    "LostMessage": _flag(
        "MISSED_STEP", "Keys of missing messages are set aside.", f"{DOUBLE_RATCHET}#out-of-order-messages"
    ),
    "Reordered": _flag("MISSED_STEP", "Messages arrive in any order.", f"{DOUBLE_RATCHET}#out-of-order-messages"),
    "CrossChainSkip": _flag(
        "MISSED_STEP",
        "The end of the old chain is set aside when a new chain begins.",
        "https://github.com/signalapp/libsignal-protocol-java/issues/54",
    ),
    "Duplicate": _flag("REPLAY", "A message decrypts once and never again.", f"{DOUBLE_RATCHET}#out-of-order-messages"),
    "SimultaneousSend": _flag("MISSED_STEP", "Both sides send before either has received.", f"{DOUBLE_RATCHET}"),
    "Restored": _flag(
        "STATE_RESTORED",
        "A state that was saved and read again continues as if nothing had happened.",
        "https://eprint.iacr.org/2018/1037",
    ),
    "Cloned": _flag(
        "STATE_RESTORED",
        "Two copies of one state, or one restored from a backup, contradict each other: told by authentic headers.",
        "https://eprint.iacr.org/2018/1037",
    ),
    "Eviction": _flag(
        "MISSING_LIMIT",
        "The store of skipped keys is bounded, the oldest go first, and what is gone is told from what was delivered.",
        f"{DOUBLE_RATCHET}#recovering-from-lost-messages",
    ),
    "CounterEdge": _flag(
        "INTEGER_OVERFLOW",
        "Counters at the edges of what they can be.",
        "https://cwe.mitre.org/data/definitions/190.html",
    ),
    "Tampered": _flag(
        "INTEGRITY",
        "One bit changed in each part of a message: only a change of PN proves that the header is bound.",
        f"{DOUBLE_RATCHET}#header-encryption",
    ),
    "Spliced": _flag(
        "INTEGRITY",
        "Parts of two messages joined, or a part moved between chains, types, directions or sessions.",
        f"{DOUBLE_RATCHET}#header-encryption",
    ),
    "Reflected": _flag("REFLECTION", "A message turned around to its sender.", "https://eprint.iacr.org/2018/1037"),
    "AssociatedData": _flag("INTEGRITY", "What the application bound to a message.", f"{DOUBLE_RATCHET}"),
    "HostileHeader": _flag(
        "UNCHECKED_CONTENT",
        "An authentic header that no honest peer writes: authentic is not well-meant.",
        "https://eprint.iacr.org/2018/1037",
    ),
    "KeyCommitment": _flag(
        "KEY_COMMITMENT",
        "ChaCha20-Poly1305 commits to no key: one ciphertext can open under two. The commitment is checked first.",
        "https://eprint.iacr.org/2019/016",
        "https://eprint.iacr.org/2020/1491",
    ),
    "Padding": _flag(
        "LENGTH_LEAK",
        "Sizes of padded messages, the same everywhere, or lengths tell implementations apart.",
        "https://petsymposium.org/popets/2019/popets-2019-0056.php",
    ),
    "PaddingOracle": _flag(
        "PADDING",
        "A tail that no peer writes: no marker, or other bytes behind it.",
        "https://www.iacr.org/archive/eurocrypt2002/23320530/cbc02_e02d.pdf",
    ),
    "Erasure": _flag(
        "WRONG_PRIMITIVE",
        "Any k distinct chunks rebuild a stream.",
        "https://doi.org/10.1137/0108018",
    ),
    "FalseChunk": _flag(
        "DENIAL_OF_SERVICE",
        "A set of chunks that does not fit together is dropped and collected again; no message fails by it.",
        SPQR,
    ),
    "PqEpoch": _flag("MISSED_STEP", "The post-quantum ratchet from epoch to epoch.", SPQR),
    "PqRole": _flag("STATE_MACHINE", "What only the other role, or another epoch, may send.", SPQR),
    "Fingerprint": _flag(
        "IMPERSONATION",
        "A fingerprint is of both keys and the address of both devices, the same on both sides.",
        "https://signal.org/blog/safety-number-updates/",
    ),
    "Rollback": _flag(
        "STATE_RESTORED", "A blob that is authentic and not the newest.", "https://eprint.iacr.org/2018/1037"
    ),
    "WrongContext": _flag(
        "CONFUSED_DEPUTY",
        "A blob of another kind, owner, peer or storage key.",
        "https://cwe.mitre.org/data/definitions/441.html",
    ),
    "BadState": _flag(
        "UNCHECKED_CONTENT",
        "An authentic blob whose content no version of the library has written.",
        "https://cwe.mitre.org/data/definitions/502.html",
    ),
    "RandomFailure": _flag("WEAK_RANDOMNESS", "A source that is stuck or repeats itself.", SP_800_90B),
    "Process": _flag(
        "CONCURRENCY",
        "A session used by two threads at once, or by a forked child that has a copy of its keys.",
        "https://cwe.mitre.org/data/definitions/362.html",
    ),
    "SelfTest": _flag("WRONG_PRIMITIVE", "A primitive that gives wrong answers ends the process.", SP_800_90B),
    "Accumulated": _flag(
        "WRONG_PRIMITIVE",
        "What goes wrong once in thousands of times: carries, leading zeros, rare lengths.",
        "https://github.com/C2SP/CCTV/tree/main/ML-KEM",
    ),
}
