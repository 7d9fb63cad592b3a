"""Writes the suite, or checks that it is what would be written."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from generator import bounds, conversations, layouts, prekeys, primitives, quantum, records, refusals, schemas
from generator.document import PROTOCOL, SUITE, written
from ratchetlib.cli.verify.suite import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FAMILIES: Final = {
    module.__name__.rpartition(".")[2]: module
    for module in (primitives, prekeys, layouts, quantum, records, conversations, refusals, bounds)
}


def main(root: Path, arguments: Sequence[str]) -> int:
    """Generate; the exit code."""
    parser = argparse.ArgumentParser(description="Make the test vectors.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file would differ")
    parser.add_argument("--only", choices=FAMILIES, help="one family of files, without the manifest")
    options = parser.parse_args(arguments)
    made = dict(files([options.only] if options.only else list(FAMILIES)))
    if not options.only:
        made |= golden(root)
        made |= schemas.files()
        made["MANIFEST.json"] = _manifest(made)
    differing = [name for name, content in made.items() if _there(root / name) != content]
    for name in differing:
        sys.stdout.write(f"{name} {'differs' if options.check else 'is written'}\n")
        if not options.check:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(made[name])
    return int(options.check and bool(differing))


def files(families: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The files of some families by name."""
    for family in families:
        for document in FAMILIES[family].documents():
            yield f"v1/{document.name}.json", written(document.to_json()).encode()


def _there(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def golden(root: Path) -> dict[str, Any]:
    """The golden blobs and their index. A blob that is there stays, whatever a later version would write."""
    made = records.golden_files()
    return {name: (name.endswith(".bin") and _there(root / name)) or content for name, content in made.items()}


def _manifest(contents: dict[str, Any]) -> bytes:
    """Every file's hash, and what is in it."""
    listed = {name: _entry(name, contents[name]) for name in sorted(contents, key=_reading_order)}
    cases = [entry for entry in listed.values() if "cases" in entry]
    manifest = {
        "suite": SUITE,
        "protocol": PROTOCOL,
        "cases": sum(entry["cases"] for entry in cases),
        "negative": sum(entry["negative"] for entry in cases),
        "files": listed,
    }
    return (json.dumps(manifest, indent=1) + "\n").encode()


def _reading_order(name: str) -> tuple[bool, bool, str]:
    """Cases first."""
    return not name.startswith(("v1/", "state/")), not name.startswith("v1/"), name


def _entry(name: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    if name.startswith("v1/"):
        tests = [test for group in json.loads(content)["testGroups"] for test in group["tests"]]
        negative = sum(test["result"] == "invalid" for test in tests)
        entry = {"cases": len(tests), "negative": negative, **entry}
    if name == GOLDEN:
        entry = {"cases": len(json.loads(content)["blobs"]), "negative": 0, **entry}
    return entry
