"""Corpora kept small: of all inputs, those that reach something new, the smallest ones first."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from runner import targets
from runner.libfuzzer import start


def minimize(name: str, fresh: Path) -> tuple[int, int]:
    """Replace a target's corpus by the part that counts of it and of the fresh inputs: how many there are, in bytes."""
    kept = targets.corpus(name)
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        merged = Path(folder)
        run = start(name, [merged, *(source for source in (kept, fresh) if source.is_dir())], "-merge=1")
        if run.wait() != 0 or not any(merged.iterdir()):
            raise RuntimeError(f"the corpus of {name} did not merge:\n" + "\n".join(run.tail))
        for path in kept.iterdir():
            path.unlink()
        for path in merged.iterdir():
            shutil.copyfile(path, kept / path.name)
    sizes = [path.stat().st_size for path in kept.iterdir()]
    return len(sizes), sum(sizes)
