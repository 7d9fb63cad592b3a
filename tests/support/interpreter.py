"""Programs in a fresh interpreter: for what happens at import, and for what a fork does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ratchetlib

_SUPPORT = Path(__file__).parent
_PACKAGE_ROOT = Path(ratchetlib.__file__).parents[1]


def run_program(source: str) -> str:
    """What a program prints; it must end well and warn of nothing."""
    return _run("-c", source)


def run_support(module: str, *arguments: str) -> str:
    """What a script of this folder prints."""
    return _run(str(_SUPPORT / f"{module}.py"), *arguments)


def _run(*arguments: str) -> str:
    completed = subprocess.run(  # noqa: S603  # this very interpreter, on this project's own programs
        [sys.executable, "-W", "error", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_PACKAGE_ROOT), str(_SUPPORT.parent)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if completed.returncode != 0:
        raise AssertionError(f"the program ended with {completed.returncode}:\n{completed.stderr}")
    return completed.stdout
