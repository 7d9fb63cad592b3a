from __future__ import annotations

import pytest

from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.cli.verify.messages import message_of

SENT = {"a0": b"0123456789", "a1": b"ABCDEFGHIJ"}


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], b"0123456789"),
        ([{"edit": "xor", "at": 1, "hex": "0101"}], b"0033456789"),
        ([{"edit": "xor", "at": 9, "hex": "01"}], b"0123456788"),
        ([{"edit": "replace", "at": 8, "hex": "5858"}], b"01234567XX"),
        ([{"edit": "insert", "at": 10, "hex": "58"}], b"0123456789X"),
        ([{"edit": "remove", "at": 0, "end": 9}], b"9"),
        ([{"edit": "copy", "at": 2, "end": 4, "from": "a1"}], b"01CD456789"),
        ([{"edit": "remove", "at": 0, "end": 5}, {"edit": "insert", "at": 0, "hex": "58"}], b"X56789"),
    ],
)
def test_edits(edits: list[dict[str, object]], expected: bytes) -> None:
    assert message_of(Fields({"of": "a0", "edits": edits}), SENT) == expected


def test_bytes_from_nowhere() -> None:
    assert message_of(Fields({"bytes": "00ff"}), SENT) == b"\0\xff"


@pytest.mark.parametrize(
    "members",
    [
        {"of": "a2"},
        {"of": "a0", "edits": [{"edit": "turn"}]},
        {"of": "a0", "edits": [{"edit": "copy", "at": 0, "end": 1, "from": "b"}]},
    ],
)
def test_what_is_not_there(members: dict[str, object]) -> None:
    with pytest.raises(BadVectorError):
        message_of(Fields(members), SENT)
