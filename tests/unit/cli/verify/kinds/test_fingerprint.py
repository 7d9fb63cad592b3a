from __future__ import annotations

import pytest
from support.pair import ALICE, BOB, make_pair

from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.fingerprint import fingerprint
from ratchetlib.errors import FingerprintMismatch


def test_both_sides_read_the_same_and_each_scans_the_other() -> None:
    pair = make_pair()
    ours = {"our_identity": pair.alice_identity.public.to_bytes().hex(), "our_address": ALICE.hex()}
    theirs = {"their_identity": pair.bob_identity.public.to_bytes().hex(), "their_address": BOB.hex()}
    swapped = {
        "our_identity": theirs["their_identity"],
        "our_address": BOB.hex(),
        "their_identity": ours["our_identity"],
        "their_address": ALICE.hex(),
    }
    seen_here, seen_there = fingerprint(Fields({**ours, **theirs})), fingerprint(Fields(swapped))
    assert seen_here["digits"] == seen_there["digits"]
    assert fingerprint(Fields({**ours, **theirs, "scanned": seen_there["scannable"]})) == {}
    with pytest.raises(FingerprintMismatch):
        fingerprint(Fields({**ours, **theirs, "scanned": seen_here["scannable"]}))
