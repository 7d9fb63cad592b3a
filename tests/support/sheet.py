"""A page of the command in memory, to be read by tests."""

from __future__ import annotations

import io

from ratchetlib.cli.page import Page


class Sheet(Page):
    """What was printed, line by line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        super().__init__(self.stream)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def failed(self) -> list[str]:
        """The labels of the checks that failed."""
        return [line[3:17].strip() for line in self.lines if line.startswith(" ✗")]
