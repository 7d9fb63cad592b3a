from __future__ import annotations

import pytest

from ratchetlib import FixedBuckets, NoPadding, Padme
from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.cli.verify.policies import padding_of


@pytest.mark.parametrize(
    ("members", "policy"),
    [
        ({}, Padme()),
        ({"padding": "padme", "floor": 7}, Padme(7)),
        ({"padding": "buckets", "buckets": [16, 32]}, FixedBuckets((16, 32))),
        ({"padding": "none"}, NoPadding()),
    ],
)
def test_policies(members: dict[str, object], policy: object) -> None:
    assert padding_of(Fields(members)) == policy


def test_no_such_policy() -> None:
    with pytest.raises(BadVectorError):
        padding_of(Fields({"padding": "random"}))
