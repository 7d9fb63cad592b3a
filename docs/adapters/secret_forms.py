"""What secrets look like in a text, whatever stands before them.

No pattern may take longer than in proportion to the text: gaps have a bound, and what has been taken is not given back.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from pseudonyms import pseudonym

REDACTED: Final = "[redacted]"
MARK: Final = r"\[redacted\]|\[\#[0-9a-f]{8}\]"

_LETTERS: Final = r"[A-Za-z0-9+/_-]"
_VOWEL: Final = r"(?=[^aeiouyAEIOUY]{0,3}[aeiouyAEIOUY])"
_CAMEL: Final = rf"(?:{_VOWEL}[A-Z][a-z]{{2,14}}){{1,5}}"
_SMALL: Final = rf"{_VOWEL}[a-z]{{2,15}}\d{{0,5}}"
_CAPITAL: Final = rf"{_VOWEL}[A-Z]{{2,15}}"
_SNAKES: Final = rf"{_SMALL}(?:[_/-]{_SMALL}){{0,7}}|{_CAPITAL}(?:[_-]{_CAPITAL}){{0,7}}"
_WORDS: Final = rf"_?(?:{_CAMEL}(?:-{_CAMEL}){{0,3}}|{_SNAKES})(?:[_-]\d{{1,4}}){{0,2}}"
"""Names as programs have them: ConnectionResetError, oauth2_provider_backend, Sec-WebSocket-Key, ThreadPool-0_0."""

_RUN: Final = rf"(?<!{_LETTERS})(?!(?-i:{_WORDS})(?!{_LETTERS})){_LETTERS}{{16,}}+={{0,6}}"
RANDOM: Final = re.compile(_RUN, re.IGNORECASE)

_FOLLOWS: Final = r"(?=[\s,:;=)\]}>]|\Z)"
LITERAL: Final = (
    rf"(?<!\w)(?!(?:(?<=')b\\*+'|(?<=\")b\\*+\"){_FOLLOWS})b(?:\\*+\"(?:\\.|[^\"\\])*+\"?|\\*+'(?:\\.|[^'\\])*+'?)"
    r"|(?<=\w)b(?:\"[^\"\\]*+\\(?:[\s\S](?:\\.|[^\"\\])*+)?\"?|'[^'\\]*+\\(?:[\s\S](?:\\.|[^'\\])*+)?'?)"
)
"""A bytes literal, with its blanks. No 'b' in quotes begins one, nor a word's last letter if no escape follows."""
BYTES: Final = re.compile(LITERAL, re.IGNORECASE | re.DOTALL)

_NO_TEXT: Final = r"[\x00-\x08\x0e-\x1f\x7f-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\ufffd\ud800-\udfff]"
_ESCAPE: Final = rf"(?:\\(?:x[0-9a-f]{{2}}|u[0-9a-f]{{4}}|[0-7]{{3}})|%[0-9a-f]{{2}}|{_NO_TEXT})"
_OCTET: Final = r"(?:0x[0-9a-f]{1,2}|[0-9a-f]{2}|\d{1,3})(?!\w)"

HIDDEN: Final = {
    # As `websockets` writes it.
    "frame": r"\b(?:TEXT|BINARY|CONT|PING|PONG|CLOSE)\s.{0,400}\[.{0,20}?\d\sbytes?\b[^\]\n]{0,40}\]",
    "bearer": r"\b(?:bearer|basic)\s++(?!\[redacted\])\S++",
    "login": r"(?<=://)(?:[^\s@]{0,200}@)++",
    # From the first to the last, for blanks do not end what is no text; of many in a row the words beside them too.
    "binary": rf"(?<!\S)(?:\S{{1,64}}\s)?\S*?{_ESCAPE}(?:[\s\S]{{0,32}}?{_ESCAPE}){{4}}"
    rf"(?:[\s\S]*{_ESCAPE})?\S*+(?:\s\S{{1,64}})?",
    "escapes": rf"(?<!\S)\S*?{_ESCAPE}(?:[\s\S]*{_ESCAPE})?\S*+",
    "octets": rf"(?<![0-9a-f]){_OCTET}(?P<between>[^\w\s]){_OCTET}(?:(?P=between){_OCTET}){{4,}}+",
    "signs": r"[0-9a-f]{4,16}+(?P<sign>[^\w\s])[0-9a-f]{4,16}+(?:(?P=sign)[0-9a-f]{4,16}+){2,}+",
    "digits": r"(?<!\w)\d{5}(?:[\s-]\d{5}){3,}+(?!\w)",  # a fingerprint, as people compare it
    "groups": r"(?-i:(?<!\w)(?=[A-Z ]{0,20}\d)[A-Z\d]{4,5}(?:[ -][A-Z\d]{4,5}){3,}+(?!\w))",  # a code to be typed
}
"""Shown as nothing."""

_H: Final = r"[0-9a-f]{1,4}+"
_SOME: Final = rf"(?:{_H}(?::{_H}){{0,6}}+)?"
_NETWORK: Final = (
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\w)"
    rf"|(?<!\w)(?:(?:{_H}:){{4,7}}+(?:{_H})?|{_SOME}::{_SOME}(?:\.\d{{1,3}}){{0,3}}+)(?![\w:])"
)
"""Addresses of IP; digits and colons come in secrets as well, so that a longer row is none."""

NAMED: Final = {
    "wrapped": rf"(?<!{_LETTERS}){_LETTERS}{{60,}}+(?:\r?\n{_LETTERS}++={{0,2}}(?=\s|\Z))++",  # base64 in lines
    "random": _RUN,
    "path": r"(?<![\w.+-])(?!(?:https?/\d(?:\.\d)?|and/or|n/a|i/o|tcp/ip)(?![\w/]|[.-]\w))"
    r"/?\w[\w.+-]*+(?:\\*+/+(?:[\w+-]++|\.++(?=[\w+-]))++)++/*+=*+",  # an address as `addresses` makes it
    "mail": r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++",
    "phone": r"(?<![\w+])\+\d(?:[ ().-]{0,2}\d){6,14}(?!\d)",
    "network": _NETWORK,
}
"""Shown as pseudonyms."""

_NUMBER: Final = r"(?:0[xob][0-9a-f]{1,32}|[0-9a-f]{2,16}|\d{1,20})(?!\w|\.\w)"
_GAP: Final = r"(?:[ ]{2,50}+\|?[^\n]{1,16}\|?\n|[\s:,;'\"()\[\]{}|]++[-+]?)"  # the first ends a line of a dump
_ROW: Final = re.compile(
    rf"(?<![\w.])[-+]?{_NUMBER}(?:{_GAP}{_NUMBER})++(?:[ ]{{2,50}}+\|?[^\n]{{1,16}}\|?$)?", re.IGNORECASE | re.MULTILINE
)
_IN_A_ROW: Final = re.compile(rf"(?<![\w.]){_NUMBER}", re.IGNORECASE)
_ADDRESS: Final = re.compile(_NETWORK, re.IGNORECASE)
_OCTETS: Final = re.compile(_OCTET, re.IGNORECASE)

MAX_OCTETS: Final = 5
"""In a row, and of any numbers:"""
MAX_NUMBERS: Final = 7
MAX_DIGITS: Final = 31
"""Of a row together: 16 bytes have 32."""

_DENSE: Final = re.compile(r"[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~/-]{20,}+")
"""Letters of base85, and a slash, so that no base64 is cut in two."""


def without_rows(text: str) -> str:
    """A text without numbers that come in rows: octets, words of a key, groups of hexadecimal digits, dumps."""
    return _ROW.sub(_row, text)


def without_dense(text: str) -> str:
    """A text without what changes between small and capital letters, digits and signs at every other character."""
    return _DENSE.sub(_dense, text)


def named(found: str) -> str:
    """A pseudonym in the place of what was found."""
    return f"[#{pseudonym(found.encode('utf-8', 'surrogatepass'))}]"


def _row(match: re.Match[str]) -> str:
    numbers = _IN_A_ROW.findall(match[0])
    octets = sum(_OCTETS.fullmatch(number) is not None for number in numbers)
    few = octets <= MAX_OCTETS and len(numbers) <= MAX_NUMBERS and sum(map(len, numbers)) <= MAX_DIGITS
    if few:
        return match[0]
    return named(match[0]) if _ADDRESS.fullmatch(match[0]) else REDACTED


def _dense(match: re.Match[str]) -> str:
    if RANDOM.fullmatch(match[0]):
        return match[0]
    changes = sum(_kind(one) != _kind(next_one) for one, next_one in pairwise(match[0]))
    return match[0] if 2 * changes < len(match[0]) else named(match[0])


def _kind(letter: str) -> int:
    return letter.islower() + 2 * letter.isupper() + 3 * letter.isdigit()
