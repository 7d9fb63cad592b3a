"""The library and the reference stay equal; and where one is changed, the lockstep says so."""

from __future__ import annotations

import pytest
from reference.identity import compare_fingerprint, fingerprint_digits, fingerprint_half
from reference.lockstep import TwinIdentity
from reference.scenarios import SCENARIOS, random_traffic

from ratchetlib import Fingerprint


@pytest.mark.parametrize("name", SCENARIOS)
def test_library_and_reference_stay_equal(name: str) -> None:
    SCENARIOS[name]()


@pytest.mark.parametrize("addresses", [(b"a", b"b"), (b"same", b"same"), (bytes(128), b"\xff" * 128)])
def test_fingerprints_are_equal(addresses: tuple[bytes, bytes]) -> None:
    ours, theirs = TwinIdentity.generate(), TwinIdentity.generate()
    real = Fingerprint.between(ours.real.public, addresses[0], theirs.real.public, addresses[1])
    halves = [
        fingerprint_half(twin.reference.public, address)
        for twin, address in zip((ours, theirs), addresses, strict=True)
    ]
    assert [real.ours, real.theirs] == halves
    assert real.digits == fingerprint_digits(*halves)
    scanned = b"\1" + halves[1] + halves[0]
    real.verify(scanned)
    compare_fingerprint(scanned, *halves)
    assert real.to_bytes() == b"\1" + halves[0] + halves[1]


@pytest.mark.parametrize("seed", range(12))
def test_library_and_reference_stay_equal_on_random_traffic(seed: int) -> None:
    random_traffic(seed)
