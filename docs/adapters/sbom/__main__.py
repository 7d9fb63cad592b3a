"""SBOM: the software bill of materials of a deployment, and what changed since the last one.

    python docs/adapters/sbom write SOURCE FOLDER     ratchetlib.cyclonedx.json and ratchetlib.spdx.json of what ships
    python docs/adapters/sbom diff BEFORE AFTER       what changed between two CycloneDX documents, with risk notes

SOURCE is what you deploy: this folder, a wheel, or a requirement such as ratchetlib==1.0.0. What it needs comes from
the pins. Ends with 0, with 1 if `diff` found a difference, and with 2 if something failed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import cyclonedx_json
import difference
import inventory
import spdx_json
from inventory_error import InventoryError
from shipped import LIBRARY

PINS: Final = Path(__file__).parents[3] / "tests" / "requirements" / "runtime.txt"
FAILED: Final = 2
"""As argparse ends for wrong arguments; a failure must not look like a difference."""


def main() -> int:
    """The command.

    Returns:
        0, 1 if `diff` found a difference, 2 if something failed.
    """
    options = _arguments()
    try:
        if options.command == "diff":
            return _diff(options.before, options.after)
        return _write(options.source, options.folder, options.pins)
    except (InventoryError, OSError, ValueError) as error:
        sys.stderr.write(f"sbom: {error}\n")
        return FAILED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sbom", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    write = commands.add_parser("write")
    write.add_argument("source")
    write.add_argument("folder", type=Path)
    write.add_argument("--pins", type=Path, default=PINS, help="what you deploy: exact versions, with hashes")
    diff = commands.add_parser("diff")
    diff.add_argument("before", type=Path)
    diff.add_argument("after", type=Path)
    return parser.parse_args()


def _write(source: str, folder: Path, pins: Path) -> int:
    parts = inventory.take(source, pins)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("cyclonedx", cyclonedx_json.document(parts)), ("spdx", spdx_json.document(parts))):
        (folder / f"{LIBRARY}.{name}.json").write_text(text, encoding="utf-8")
    return 0


def _diff(before: Path, after: Path) -> int:
    changes = list(difference.lines(difference.read(before), difference.read(after)))
    sys.stdout.write("\n".join([*changes, ""]) if changes else "no change\n")
    return int(bool(changes))


if __name__ == "__main__":
    sys.exit(main())
