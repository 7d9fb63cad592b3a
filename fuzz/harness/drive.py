"""The program that libFuzzer drives: `drive.py TARGET [libFuzzer's options and corpora]`, with atheris installed."""

from __future__ import annotations

import importlib
import shlex
import sys
import time
from pathlib import Path

FUZZ = Path(__file__).resolve().parents[1]
_OPTIONS = ("-max_len=4096",)
"""Where the target does not say otherwise (`OPTIONS`): more bytes than any encoding but full rings and long bodies."""


def main(name: str, arguments: list[str]) -> None:
    """Fuzz one target; only the library's own modules tell the fuzzer where they have been."""
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415  # the targets are importable without it

    if not getattr(sys, "frozen", False):  # there the first entry is the standard library
        sys.path[0] = str(FUZZ)  # instead of this folder, whose modules have short names
    with atheris.instrument_imports(include=["ratchetlib"]):
        target = importlib.import_module(f"targets.fuzz_{name}")
    print(f"LIBRARY: {importlib.import_module('ratchetlib').__file__}", file=sys.stderr)
    dictionary = FUZZ / "dict" / f"{name}.dict"
    defaults = list(getattr(target, "OPTIONS", _OPTIONS))
    defaults += [f"-dict={dictionary}"] if dictionary.is_file() else []
    # libFuzzer starts itself again through a shell to merge and to minimize.
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, __file__, name]
    atheris.Setup([shlex.join(program), *defaults, *arguments], target.one_input)
    print(f"READY: {time.process_time()}", file=sys.stderr, flush=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
