"""What stands under a name that says it is secret: `password='x'`, `"token": "x"`, `('key', 'x')`, `<pin>x</pin>`.

Where such a value ends is a guess, for nobody quotes in a log as a parser would need it. Each guess takes rather too
much than too little: a quoted value ends at a quote behind which a value can end, and a text without quotes nowhere.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Final

from secret_forms import LITERAL, MARK, REDACTED

_TEXTS: Final = r"passw|phrase|pwd|(?<![a-z])(?:pass|pw|psk|t?otp)(?![a-z])|mnemonic|plaintext|secret|body|content(?!-)"
"""Names of what a person wrote, to which blanks, commas and further lines belong."""

_LINES: Final = r"cookie|authori[sz]ation|auth(?![a-z])"
"""Names of headers: lists with commas and semicolons."""

_OTHERS: Final = (
    r"token|credential|(?<![a-z])creds?(?![a-z])|bearer|jwt|key|address|addr|peer|sender|recipient|ciphertext|envelope"
    r"|payload|content|nonce|seed|salt|fingerprint|identity|session[_-]?id|(?<![a-z])sid(?![a-z])|pin(?![gn])"
)

SENSITIVE: Final = re.compile(f"{_TEXTS}|{_LINES}|{_OTHERS}", re.IGNORECASE)
"""What a parameter's or an attribute's name may hold of which the value is never shown."""

_QUOTE: Final = r"(?:\\*+[\"']|&(?:quot|apos|#3[49]|#x2[27]);)"
"""Also of a text that was quoted itself: JSON in JSON, the `repr` of a `repr`, HTML."""
_START: Final = r"(?<![\w.-])"
_NAME: Final = rf"(?=[\w.-]*(?:{SENSITIVE.pattern}))[\w.-]++"
_TEXT: Final = rf"(?=[\w.-]*(?:{_TEXTS}))[\w.-]++"
_OF_WHAT: Final = r"(?:\sfor\s[^\s:=]{1,64}+|\s?[(\[][^()\[\]\n]{0,64}[)\]])?+"
_SAYS: Final = rf"(?:{_QUOTE}|\]){{0,3}}+{_OF_WHAT}\s*+(?:[:=]{{1,2}}>?|->)\s*+|{_QUOTE}\s*+,\s*+"

_LABEL: Final = re.compile(
    rf"(?P<tag>(?<=[<:]){_NAME}(?:\s[^<>\n]{{0,200}})?>)"  # <key>x</key>
    rf"|(?P<option>{_START}(?=-){_NAME}\s++(?![-\s]))"  # --key x
    rf"|{_START}{_NAME}(?:{_SAYS})"  # key=x, "key": x, d['key'] = x, key for bob: x, ('key', x)
    rf"|{_START}{_NAME}(?=\((?:\w{{1,64}}=)?[bru]?[\"'])"  # Key(value='x')
    rf"|{_START}{_TEXT}\s++(?=[\"'])",  # password 'x'
    re.IGNORECASE,
)

_STOP: Final = r"(?:[,;)\]}]|\n(?![ \t])|(?<!\s)\s++[\w.-]++=(?=[^\s=])|\Z)"
_KEPT: Final = re.compile(rf"{MARK}|(?:None|null)(?={_STOP}|\s*\Z)")
_END: Final = r"(?=[\s,;:)\]}>&\\]|</|\.(?:\s|\Z)|[\"'](?!\w)|\Z)"
_QUOTED: Final = re.compile(
    rf"(?:\s*+[bru]{{0,2}}(?P<quote>{_QUOTE})(?:(?!(?<!\\)(?P=quote){_END})[\s\S])*+(?:(?P=quote))?)++", re.IGNORECASE
)
_STRING: Final = r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])*+'"
_VALUE: Final = re.compile(
    rf"(?:{LITERAL}|\\.|{_STRING}|[\[({{<].*(?:\n[ \t\])}}].*)*+|(?!{_STOP})[\s\S])++", re.IGNORECASE
)
_LINE: Final = re.compile(r".+(?:\n[ \t].*)*+")
_EVERYTHING: Final = re.compile(r"[\s\S]+")
_ELEMENT: Final = re.compile(r"(?:(?!</)[\s\S])++")
_ARGUMENT: Final = re.compile(r"\S++")

_REASONS: Final = frozenset(os.strerror(number).lower() for number in errno.errorcode) | {"timed out"}
"""Why something failed, as the system says it: no value, although it may follow `peer:`."""


def without_named(text: str) -> str:
    """A text without the values of sensitive names."""
    if not SENSITIVE.search(text):
        return text
    shown, at = [], 0
    while label := _LABEL.search(text, at):
        value = _value(label)
        shown.append(text[at : label.end()])
        at = value.end() if value else label.end()
        if value:
            shown.append(value[0] if _harmless(value[0]) else REDACTED)
    return "".join([*shown, text[at:]])


def _value(label: re.Match[str]) -> re.Match[str] | None:
    found = (pattern.match(label.string, label.end()) for pattern in (_KEPT, _QUOTED, _extent(label)))
    return next(filter(None, found), None)


def _extent(label: re.Match[str]) -> re.Pattern[str]:
    """How far a value goes that is in no quotes."""
    if label["tag"]:
        return _ELEMENT
    if label["option"]:
        return _ARGUMENT
    if re.search(_TEXTS, label[0], re.IGNORECASE):
        return _EVERYTHING
    return _LINE if re.search(_LINES, label[0], re.IGNORECASE) else _VALUE


def _harmless(value: str) -> bool:
    return _KEPT.fullmatch(value.strip("\\\"'")) is not None or value.strip(" .").lower() in _REASONS
