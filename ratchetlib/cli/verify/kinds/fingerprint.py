"""Fingerprints: what two people compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import Fingerprint, IdentityKey
from ratchetlib.cli.verify.fields import as_hex

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def fingerprint(fields: Fields) -> Outputs:
    """A pair's fingerprint; where something was scanned, compared with it."""
    made = Fingerprint.between(
        IdentityKey.from_bytes(fields.hex("our_identity")),
        fields.hex("our_address"),
        IdentityKey.from_bytes(fields.hex("their_identity")),
        fields.hex("their_address"),
    )
    if fields.has("scanned"):
        made.verify(fields.hex("scanned"))
        return {}
    return {**as_hex(ours=made.ours, theirs=made.theirs, scannable=made.to_bytes()), "digits": made.digits}
