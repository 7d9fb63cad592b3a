# A tool beside the documents, not a package.
"""Generated blocks in the documents.

What stands between `<!-- generated: NAME -->` and `<!-- /generated -->`, on lines of their own, is a script's.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SPEC: Final = Path(__file__).resolve().parents[1] / "spec"


def replace_block(text: str, name: str, body: str) -> str:
    """The text with another body in the block of that name.

    Raises:
        ValueError: the text has no such block, or more than one.
    """
    pattern = re.compile(rf"(<!-- generated: {re.escape(name)} -->\n).*?(<!-- /generated -->)", re.DOTALL)
    replaced, count = pattern.subn(lambda match: f"{match[1]}{body.rstrip()}\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"one block {name!r} expected, not {count}")
    return replaced


def publish(name: str, make: Callable[[], str], chapter: Path) -> int:
    """The command of a script that makes one block of one chapter: write it, or with `--check` see that it is there.

    Returns:
        1 if the check fails, else 0.
    """
    parser = argparse.ArgumentParser(description=f"Make the block {name!r} of a chapter.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if anything would change")
    parser.add_argument("--chapter", type=Path, default=chapter, help="the file that has the block")
    options = parser.parse_args()
    text = options.chapter.read_text(encoding="utf-8")
    made = replace_block(text, name, make())
    if made == text:
        return 0
    sys.stderr.write(f"{'stale' if options.check else 'written'}: {name} in {options.chapter.name}\n")
    if not options.check:
        options.chapter.write_text(made, encoding="utf-8")
    return int(options.check)
