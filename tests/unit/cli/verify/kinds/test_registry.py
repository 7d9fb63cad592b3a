from __future__ import annotations

from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.registry import error, limit, reason


def test_a_limit() -> None:
    assert limit(Fields({"name": "MAX_SKIP"})) == {"value": 1000}


def test_a_place_in_the_tree() -> None:
    assert error(Fields({"name": "RatchetError"})) == {"parents": []}
    assert error(Fields({"name": "InvalidKey"})) == {"parents": ["MalformedMessage"]}
    assert error(Fields({"name": "HandshakeExpired"})) == {"parents": ["SessionExpired", "PeerError"]}


def test_a_reason() -> None:
    assert reason(Fields({"name": "EXPIRED"})) == {"text": "it has expired"}
