"""Bills of materials.

    python docs/adapters/sbom write SOURCE FOLDER     ratchetlib.cyclonedx.json and ratchetlib.spdx.json of what ships
    python docs/adapters/sbom diff BEFORE AFTER       what changed between two CycloneDX documents, with risk notes

SOURCE is what you deploy: this folder, a wheel, or a requirement such as ratchetlib==1.0.0.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cyclonedx_json
import difference
import inventory
import spdx_json


def main() -> int:
    """The command.

    Returns:
        0, or 1 if `diff` found a change.
    """
    parser = argparse.ArgumentParser(prog="sbom", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    write = commands.add_parser("write")
    write.add_argument("source")
    write.add_argument("folder", type=Path)
    diff = commands.add_parser("diff")
    diff.add_argument("before", type=Path)
    diff.add_argument("after", type=Path)
    options = parser.parse_args()
    return _diff(options.before, options.after) if options.command == "diff" else _write(options.source, options.folder)


def _write(source: str, folder: Path) -> int:
    parts = inventory.take(source)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("cyclonedx", cyclonedx_json.document(parts)), ("spdx", spdx_json.document(parts))):
        (folder / f"{inventory.LIBRARY}.{name}.json").write_text(text, encoding="utf-8")
    return 0


def _diff(before: Path, after: Path) -> int:
    changes = list(difference.lines(difference.read(before), difference.read(after)))
    sys.stdout.write("\n".join([*changes, ""]) if changes else "no change\n")
    return int(bool(changes))


if __name__ == "__main__":
    sys.exit(main())
