from __future__ import annotations

import pytest

from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.padding import pad_, sizes, unpad_
from ratchetlib.cli.verify.refusal import Refused


def test_there_and_back() -> None:
    padded = pad_(Fields({"plaintext": "61", "padding": "buckets", "buckets": [4]}))
    assert padded == {"padded": "61800000"}
    assert unpad_(Fields(padded)) == {"plaintext": "61"}
    with pytest.raises(Refused):
        unpad_(Fields({"padded": "61000000"}))


def test_lengths_are_those_of_plaintexts() -> None:
    assert sizes(Fields({"lengths": [0, 63, 64], "floor": 64})) == {"padded_lengths": [64, 64, 72]}
