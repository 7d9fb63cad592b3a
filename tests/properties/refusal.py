"""What the model says where the library raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratchetlib import RatchetError


class Refused(Exception):
    """The specification refuses, with the condition `kind`."""

    def __init__(self, kind: type[RatchetError]) -> None:
        super().__init__(kind.__name__)
        self.kind = kind
