# A tool beside the documents, not a package.
"""Makes every encoded example of the specification, from one scripted conversation.

    python docs/tools/spec_examples.py            writes docs/spec/examples.json and the blocks in the chapters
    python docs/tools/spec_examples.py --check    writes nothing; fails if anything would change

Needs kyber-py, whose encapsulation takes its randomness as an argument.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conversation import ALICE, BOB, NOW, STORAGE_KEY, STORAGE_KEY_ID, Play, Record
from generated import replace_block
from scripted import Script, scripted
from spec_blocks import blocks

if TYPE_CHECKING:
    from layout import Block

LABEL: Final = "ratchetlib/1 specification examples"
_SPEC: Final = Path(__file__).resolve().parents[1] / "spec"
_EXAMPLES: Final = "examples.json"
_MARKER: Final = re.compile(r"<!-- generated: example ([\w-]+) -->")


def play() -> tuple[Script, Record, dict[str, Block]]:
    """The conversation and its examples."""
    with scripted(LABEL) as script:
        played = Play(script)
        played.first_session()
        played.second_session()
    return script, played.record, blocks(script, played.record)


def to_json(script: Script, record: Record, examples: dict[str, Block]) -> str:
    """The whole of it, in hexadecimal."""
    sealed = {
        name: {
            "owner": owner.hex(),
            "peer": peer.hex(),
            "generation": 1,
            "content": record.contents[name].hex(),
            "blob": blob.hex(),
        }
        for name, (blob, owner, peer) in record.blobs.items()
    }
    document = {
        "stream": f"the first bytes of SHAKE-256({LABEL!r}) are the draws",
        "now": NOW,
        "addresses": {"alice": ALICE.hex(), "bob": BOB.hex()},
        "storage key": {"id": STORAGE_KEY_ID.hex(), "key": STORAGE_KEY.hex()},
        "draws": script.draws,
        "identities": {"alice": record.alice.public.to_bytes().hex(), "bob": record.bob.public.to_bytes().hex()},
        "bundle": record.bundle.to_bytes().hex(),
        "ring at first": record.ring_at_first.hex(),
        "messages": record.messages,
        "sealed": sealed,
        "examples": {name: block.to_json() for name, block in examples.items()},
    }
    return json.dumps(document, indent=1) + "\n"


def pages(spec: Path) -> dict[Path, str]:
    """Every generated file and chapter as it should be.

    Raises:
        ValueError: a chapter asks for an example that is not made, or an example is shown nowhere.
    """
    script, record, examples = play()
    made = {spec / _EXAMPLES: to_json(script, record, examples)}
    unused = set(examples)
    for chapter in sorted(spec.glob("*.md")):
        text = chapter.read_text(encoding="utf-8")
        for name in _MARKER.findall(text):
            if name not in examples:
                raise ValueError(f"{chapter.name}: there is no example {name}")
            unused.discard(name)
            text = replace_block(text, f"example {name}", examples[name].to_markdown())
        made[chapter] = text
    if unused:
        raise ValueError(f"shown in no chapter: {sorted(unused)}")
    return made


def main(arguments: list[str]) -> int:
    """Write, or check; 1 if the check fails."""
    parser = argparse.ArgumentParser(description="Make the specification's examples.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if anything would change")
    parser.add_argument("--spec", type=Path, default=_SPEC, help="the folder of the chapters")
    options = parser.parse_args(arguments)
    made = pages(options.spec)
    changed = [path for path in made if not path.exists() or path.read_text(encoding="utf-8") != made[path]]
    for path in changed:
        sys.stderr.write(f"{'stale' if options.check else 'written'}: {path.name}\n")
        if not options.check:
            path.write_text(made[path], encoding="utf-8")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
