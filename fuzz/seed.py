"""Write the dictionaries: `python fuzz/seed.py`. With a folder, also the seeds: `python fuzz/seed.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from runner import targets
from seeds import every
from seeds.dictionaries import DICTIONARIES, text


def main(folders: list[str]) -> None:
    """Dictionaries are committed; seeds are not: each run of the fuzzer makes them anew."""
    for name in DICTIONARIES:
        targets.dictionary(name).write_text(text(name), "utf-8")
    for folder in folders:
        for name in targets.names():
            print(f"{name:18} {len(list(every.write(name, Path(folder)).iterdir())):>6}")


if __name__ == "__main__":
    main(sys.argv[1:])
