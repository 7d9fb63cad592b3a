from __future__ import annotations

import pytest

from ratchetlib import BundleReason, BundleRejected, UsageError
from ratchetlib.cli.verify import refusal
from ratchetlib.cli.verify.refusal import LAYERS, Refused, outcome
from ratchetlib.errors import MalformedMessage, RatchetError
from ratchetlib.prekeys import PrekeyBundle
from ratchetlib.primitives import dh


def raised(error: RatchetError) -> RatchetError:
    try:
        raise error
    except RatchetError as caught:
        return caught


def test_the_caller_is_a_layer_wherever_it_is_noticed() -> None:
    assert outcome(raised(UsageError("of any place"))) == {"error": "UsageError", "layer": "caller"}


def test_what_the_library_says_with_none_or_false() -> None:
    assert outcome(Refused("InvalidKey", "signature")) == {"error": "InvalidKey", "layer": "signature"}


def test_the_layer_is_where_it_was_raised() -> None:
    with pytest.raises(RatchetError) as caught:
        dh.parse_public_key(bytes(32))
    assert outcome(caught.value) == {"error": "InvalidKey", "layer": "key"}


def test_the_reader_of_encodings_raises_for_whoever_uses_it() -> None:
    with pytest.raises(RatchetError) as caught:
        PrekeyBundle.from_bytes(b"\0")
    assert outcome(caught.value) == {"error": "MalformedMessage", "layer": "encoding"}


def test_a_bundle_is_refused_for_a_reason() -> None:
    stated = refusal._reason(BundleRejected(BundleReason.EXPIRED))
    assert stated == "EXPIRED"


def test_a_place_without_a_layer_is_a_mistake() -> None:
    with pytest.raises(LookupError, match="no layer for MalformedMessage"):
        outcome(raised(MalformedMessage("from a test")))


def test_places_name_layers_of_the_closed_list() -> None:
    assert {place.layer for place in refusal._PLACES} <= set(LAYERS)
