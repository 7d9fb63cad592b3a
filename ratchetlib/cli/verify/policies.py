"""The padding policies that cases name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import FixedBuckets, NoPadding, Padme
from ratchetlib.cli.verify.fields import BadVectorError

if TYPE_CHECKING:
    from ratchetlib import PaddingPolicy
    from ratchetlib.cli.verify.fields import Fields


def padding_of(fields: Fields) -> PaddingPolicy:
    """The padding policy that a case names; the default one if it names none."""
    match fields.text("padding", "padme"):
        case "padme":
            return Padme(fields.number("floor", Padme().floor))
        case "buckets":
            return FixedBuckets(tuple(fields.numbers("buckets")))
        case "none":
            return NoPadding()
        case other:
            raise BadVectorError(f"no padding {other}")
