"""The figures of the run are written on demand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _figures() -> Iterator[None]:
    """Into the directory that RATCHETLIB_FIGURES names."""
    from properties.counted import counted  # noqa: PLC0415  # only where a run counts
    from properties.runs import STEPS, write_figures  # noqa: PLC0415

    yield
    directory = os.environ.get("RATCHETLIB_FIGURES")
    if directory and STEPS:
        write_figures(Path(directory), counted())
