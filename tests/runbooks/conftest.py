"""The tests' Redis and its neighbours import the adapters by their bare names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "adapters"))

from runbooks.pages import Project  # needs the path

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One for all tests of a file; each begins anew."""
    found = Project(tmp_path_factory.mktemp("runbooks"))
    yield found
    found.server.close()
