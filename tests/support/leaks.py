"""Looking for secrets where none may be: in what an error shows, in what an object prints."""

from __future__ import annotations

import base64
import copy
import dataclasses
import gc
import json
import multiprocessing.reduction
import pickle
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ratchetlib
from ratchetlib.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

COPIES: dict[str, Callable[[Any], object]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a list of it": lambda value: copy.deepcopy([value]),
    **{
        f"pickle {protocol}": partial(pickle.dumps, protocol=protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "a queue between processes": multiprocessing.reduction.ForkingPickler.dumps,
    "__copy__": lambda value: value.__copy__(),
    "__deepcopy__": lambda value: value.__deepcopy__({}),
    "__reduce__": lambda value: value.__reduce__(),
    "__reduce_ex__": lambda value: value.__reduce_ex__(4),
    "__getstate__": lambda value: value.__getstate__(),
}
"""Every way in which Python makes a second one of something."""

EXPORTS: tuple[Callable[[Any], object], ...] = (
    vars,
    dataclasses.asdict,
    json.dumps,
    bytes,
    bytearray,
    memoryview,
    list,
    len,
)
"""Ways to the content of something that is meant to be looked into."""

_PACKAGE = str(Path(ratchetlib.__file__).parent)
_CONTAINERS = (dict, list, tuple, set, frozenset)


def secrets_in(*roots: object) -> set[bytes]:
    """The content of every `SecretBytes` that can be reached from the roots through the library's objects."""
    found: set[bytes] = set()
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, SecretBytes):
            found.add(value.raw)
        elif isinstance(value, _CONTAINERS) or type(value).__module__.startswith("ratchetlib"):
            waiting.extend(part for part in gc.get_referents(value) if not isinstance(part, type))
    return found


def rendered(error: BaseException) -> str:
    """What a crash reporter makes of an error: texts, arguments, and the package's frames with their locals.

    The frames of the application are not the library's to keep clean.
    """
    parts = [str(error), repr(error), repr(error.args), repr(vars(error))]
    parts += [_frames(type(link), link, link.__traceback__) for link in _chain(error)]
    return "\n".join(parts)


def leaked(text: str, secrets: set[bytes]) -> set[bytes]:
    """Which secrets stand in the text: as Python writes bytes, in hexadecimal, in base64 or as a list of numbers."""
    plain = text.replace("\\'", "'")
    return {secret for secret in secrets if any(form in plain for form in _forms(secret))}


def _forms(secret: bytes) -> list[str]:
    return [
        repr(secret)[2:-1].replace("\\'", "'"),
        secret.hex(),
        secret.hex().upper(),
        # The end depends on what follows the secret.
        base64.b64encode(secret[: len(secret) // 3 * 3]).decode(),
        base64.urlsafe_b64encode(secret[: len(secret) // 3 * 3]).decode(),
        str(list(secret))[1:-1],
    ]


def _chain(error: BaseException) -> list[BaseException]:
    links = [error]
    while (following := links[-1].__cause__ or links[-1].__context__) is not None:
        links.append(following)
    return links


def _frames(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> str:
    told = traceback.TracebackException(kind, error, trace, capture_locals=True)
    ours = [frame for frame in told.stack if frame.filename.startswith(_PACKAGE)]
    return "".join(traceback.StackSummary.from_list(ours).format())
