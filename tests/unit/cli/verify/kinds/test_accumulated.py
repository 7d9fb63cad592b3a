from __future__ import annotations

import hashlib

from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds import accumulated as module
from ratchetlib.cli.verify.kinds.accumulated import accumulated


def test_sessions_are_hashed_one_after_the_other() -> None:
    outputs = [
        module._one(hashlib.shake_128(b"ratchetlib-acc-v1" + number.to_bytes(4, "big")).digest(1024))
        for number in (0, 1)
    ]
    assert accumulated(Fields({"sessions": 2})) == {"total": hashlib.sha256(b"".join(outputs)).hexdigest()}
    assert outputs[0] != outputs[1]
