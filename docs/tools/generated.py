# A tool beside the documents, not a package.
"""Generated blocks in the documents.

What stands between `<!-- generated: NAME -->` and `<!-- /generated -->`, on lines of their own, is a script's.
"""

from __future__ import annotations

import re


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
