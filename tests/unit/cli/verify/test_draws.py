from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import ratchetlib
from ratchetlib import IdentityKeyPair
from ratchetlib.cli.verify.draws import Draws, Encapsulated, Given, Recorded, Roles
from ratchetlib.cli.verify.fields import BadVectorError, Fields
from ratchetlib.keys import KemSeed
from ratchetlib.primitives import dh, random
from ratchetlib.primitives.kem import ML_KEM_768, Kem
from ratchetlib.primitives.random import random_bytes

PACKAGE = Path(ratchetlib.__file__).parent


def draw(name: str, data: bytes, **more: str) -> dict[str, object]:
    return {"id": name, "length": len(data), "hex": data.hex(), **more}


def event(*draws: dict[str, object]) -> Fields:
    return Fields({"draws": list(draws)})


def test_what_is_drawn_is_what_is_stated() -> None:
    draws = Draws(Recorded())
    stated = [draw("A.signing_seed.0", bytes(range(32))), draw("A.agreement_key.0", bytes(range(1, 33)))]
    with draws.during(event(*stated), "A", Roles.IDENTITY):
        pair = IdentityKeyPair.generate()
    assert pair._to_state() == bytes(range(32)) + bytes(range(1, 33))
    assert draws.take() == stated
    assert draws.take() == []


def test_draws_are_counted_over_the_whole_case() -> None:
    draws = Draws(Recorded())
    for number in range(2):
        with draws.during(event(draw(f"A.nonce.{number}", bytes([number]) * 24)), "A", Roles.SEND):
            assert random_bytes(24) == bytes([number]) * 24


def test_afterwards_everything_is_as_it_was_even_after_a_failure() -> None:
    source, encapsulate = random._source, Kem.encapsulate
    draws = Draws(Recorded())
    seen: list[object] = []
    with suppress(ZeroDivisionError), draws.during(Fields({}), "A", Roles.SEND):
        seen.append(random._source)
        raise ZeroDivisionError
    assert seen == [draws]
    assert random._source is source
    assert Kem.encapsulate is encapsulate


@pytest.mark.parametrize(
    "stated",
    [
        [],
        [draw("A.nonce.1", bytes(24))],
        [draw("B.nonce.0", bytes(24))],
        [draw("A.nonce.0", bytes(23))],
    ],
)
def test_what_is_drawn_and_not_stated_is_refused(stated: list[dict[str, object]]) -> None:
    with pytest.raises(BadVectorError), Draws(Recorded()).during(event(*stated), "A", Roles.SEND):
        random_bytes(24)


def seed_and_encapsulation() -> tuple[KemSeed, Encapsulated]:
    """M is not known for an encapsulation of OpenSSL's; what decapsulates to itself has one."""
    seed = KemSeed(bytes(range(64)))
    key = ML_KEM_768.public_key(seed)
    m = bytes.fromhex("aa" * 32)
    secret = hashlib.sha3_512(m + hashlib.sha3_256(key).digest()).digest()[:32]
    return seed, Encapsulated(m, secret, bytes(ML_KEM_768.ciphertext_length))


def test_a_ciphertext_that_m_does_not_give_is_refused_where_the_seed_is_known() -> None:
    seed, (m, secret, ciphertext) = seed_and_encapsulation()
    draws = Draws(Recorded())
    key = ML_KEM_768.public_key(seed)
    stated = [draw("A.kem768_m.0", m, ciphertext=ciphertext.hex())]
    with draws.during(event(*stated), "A", Roles.SEND):
        assert ML_KEM_768.encapsulate(key)[0].raw == secret
    draws = Draws(Recorded())
    draws.know(ML_KEM_768, seed)
    with pytest.raises(BadVectorError, match="not what m gives"), draws.during(event(*stated), "A", Roles.SEND):
        ML_KEM_768.encapsulate(key)


def test_given_values_are_drawn_by_their_roles() -> None:
    with Draws(Given({"ratchet_key": bytes(range(32))})).during(Fields({}), "", Roles.SEND):
        assert dh.generate().raw == bytes(range(32))


@pytest.mark.attack("A104")
def test_nothing_else_in_the_package_can_reach_the_replacement() -> None:
    importing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "cli.verify" in path.read_text("utf-8") and not path.is_relative_to(PACKAGE / "cli/verify")
    }
    assert importing == {"cli/commands.py"}
    loaded = "import sys, ratchetlib; print([name for name in sys.modules if name.startswith('ratchetlib.cli')])"
    shown = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)  # noqa: S603
    assert shown.stdout.strip() == "[]"
