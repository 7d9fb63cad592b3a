"""Vectors of others, read where they lie beside the repository; they are not part of the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2].parent / "shared" / "external-vectors"
WYCHEPROOF = FOLDER / "wycheproof" / "testvectors_v1"

needs_vectors = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="NOT RUN: Wycheproof and others, which are not in ../shared/external-vectors",
)


def load(path: Path) -> Any:
    """The JSON of one file."""
    return json.loads(path.read_text("utf-8"))


def wycheproof(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every (group, test) of one file; the count is the one that its header states."""
    vectors = load(WYCHEPROOF / f"{name}.json")
    tests = [(group, test) for group in vectors["testGroups"] for test in group["tests"]]
    if len(tests) != vectors["numberOfTests"]:
        raise AssertionError(f"{name}: {len(tests)} tests, its header says {vectors['numberOfTests']}")
    return tests
