"""A broken dependency is found at import, and the package stays unusable in that process."""

from __future__ import annotations

import json

import pytest
from support.breakages import BREAKAGES, outcome_of_import
from support.interpreter import run_program, run_support

from ratchetlib.primitives import selftest


@pytest.mark.attack("A6", "A7", "A18", "A121", "A123", "A124", "A127")
@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_dependency_fails_the_import_for_good(name: str) -> None:
    check, _ = BREAKAGES[name]
    broken, mended = json.loads(run_support("breakages", name))
    assert broken is not None, "the import succeeded"
    error, _, failed = broken.partition(": self-test failed: ")
    assert error == "ratchetlib.errors.SelfTestError"
    assert check in failed.split(", ")
    assert mended == broken


def test_every_check_is_broken_at_least_once() -> None:
    assert {check for check, _ in BREAKAGES.values()} == set(selftest.CHECKS)


def test_an_unbroken_import_succeeds() -> None:
    """Else the tests above could pass for another reason."""
    assert outcome_of_import() is None


@pytest.mark.attack("A123")
def test_no_module_of_the_package_can_be_imported_around_the_self_test() -> None:
    outcome = run_program(
        """
import hashlib
real, hashlib.sha512 = hashlib.sha512, lambda data=b"": real(data + b"!")
for name in ("ratchetlib.primitives.dh", "ratchetlib.session", "ratchetlib.primitives.random"):
    try:
        __import__(name)
    except Exception as error:
        print(type(error).__name__)
"""
    )
    assert outcome.split() == ["SelfTestError"] * 3
