"""What every test shares."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("properties.invariants")  # its assertions show their values, and stand under -O

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure() -> None:
    """A run that is to show something under flags of the interpreter has them, in each of its processes."""
    if os.environ.get("RATCHETLIB_FLAGS") == "-O -bb" and (sys.flags.optimize, sys.flags.bytes_warning) != (1, 2):
        raise pytest.UsageError("the interpreter runs without -O -bb")
