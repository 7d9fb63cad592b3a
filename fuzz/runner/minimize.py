"""Corpora kept small: of all inputs, those that reach something new, the smallest ones first."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from runner import targets
from runner.libfuzzer import start


def minimize(name: str, *sources: Path) -> tuple[int, int]:
    """Replace a target's corpus by the part that counts of it and of the sources: how many there are, in bytes."""
    return merge(name, targets.corpus(name), *sources)


def merge(name: str, kept: Path, *sources: Path) -> tuple[int, int]:
    """The same for any folder of a target's inputs.

    The folder is only replaced by what is smaller or reaches more: a second time changes nothing.
    """
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        grown, anew = Path(folder) / "grown", Path(folder) / "anew"
        shutil.copytree(kept, grown)
        anew.mkdir()
        given = [source for source in sources if source.is_dir()]
        if given:
            _merged(name, grown, *given)
        if any(grown.iterdir()):
            _merged(name, anew, grown)
        best = anew if _size(anew) < _size(grown) else grown
        if {path.name for path in best.iterdir()} != {path.name for path in kept.iterdir()}:
            _replace(kept, best)
    return len(list(kept.iterdir())), _size(kept)


def _merged(name: str, into: Path, *sources: Path) -> None:
    run = start(name, [into, *sources], "-merge=1")
    if run.wait() != 0 or not any(into.iterdir()):
        raise RuntimeError(f"the corpus of {name} did not merge:\n" + "\n".join(run.tail))


def _replace(kept: Path, best: Path) -> None:
    for path in best.iterdir():  # first what is new: an interruption loses nothing
        shutil.copyfile(path, kept / path.name)
    for path in kept.iterdir():
        if not (best / path.name).exists():
            path.unlink()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
