"""The machines: the one with everything, and those that go deeper into a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import rule
from properties.bounds import SMALL, Bounds
from properties.invariants import INVARIANTS, the_honest_are_not_refused
from properties.machine import CHUNKS, Conversations, picks

from ratchetlib.limits import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from properties.world import World


class NarrowConversations(Conversations):
    """The same under bounds that a few messages reach: eviction, exhaustion, a full replay memory."""

    BOUNDS: ClassVar[Bounds] = SMALL


class OrderlyConversations(Conversations):
    """Everybody is honest and keeps the order of persistence; the network and crashes do what they can.

    So no message but a late, lost or repeated one is refused, whatever the model says.
    """

    EXAMPLES: ClassVar[int] = 240
    INVARIANTS: ClassVar[tuple[Callable[[World], None], ...]] = (*INVARIANTS, the_honest_are_not_refused)

    restore_backup = None  # type: ignore[assignment]
    forge = None  # type: ignore[assignment]

    @rule(who=picks, saved=st.just(True))  # noqa: FBT003
    def restart(self, who: int, *, saved: bool) -> None:
        super().restart(who, saved=saved)

    def _accept_again(self, pick: int) -> None:
        """An orderly application offers a message to its sessions first."""
        initial = [letter for letter in self.world.letters if letter.initial]
        self._arrive(initial[-1 - pick % len(initial)])


class Handshakes(Conversations):
    """Sessions begin, over and over, with what hostile servers and networks make of it."""

    BOUNDS: ClassVar[Bounds] = SMALL
    EXAMPLES: ClassVar[int] = 320
    WARM_UP: ClassVar[list[int]] = [0, 0, 0, 0, 1, 1, 2, 3]
    MAX_HANDSHAKES: ClassVar[int] = 12
    MAX_RECORDS: ClassVar[int] = 24

    send_many = None  # type: ignore[assignment]
    forge = None  # type: ignore[assignment]
    misread = None  # type: ignore[assignment]
    crash_while_sending = None  # type: ignore[assignment]
    forget = None  # type: ignore[assignment]
    send_in_vain = None  # type: ignore[assignment]

    @rule(pick=picks)
    def replay(self, pick: int) -> None:
        self._begin_step()
        self._accept_again(pick)

    @rule(days=st.sampled_from([1, 5, 14, 29]))
    def wait(self, days: int) -> None:
        self._begin_step()
        self._wait(days * DAY)


class Exchanges(Conversations):
    """Post-quantum exchanges one after the other, with loss, late chunks, false chunks, crashes and copies."""

    EXAMPLES: ClassVar[int] = 160
    WARM_UP: ClassVar[list[int]] = [0, 5, 11, 18, 23, 25, 31, 37]
    MAX_HANDSHAKES: ClassVar[int] = 1

    initiate = None  # type: ignore[assignment]
    prekeys = None  # type: ignore[assignment]
    tamper = None  # type: ignore[assignment]
    misdeliver = None  # type: ignore[assignment]
    misread = None  # type: ignore[assignment]
    send_in_vain = None  # type: ignore[assignment]
    crash_while_sending = None  # type: ignore[assignment]

    @rule(who=picks, value=picks, turns=st.integers(0, 8))
    def lie_about_chunks(self, who: int, value: int, turns: int) -> None:
        """A false chunk, and on."""
        self.forge(who, CHUNKS, value, next_chain=False, arrives=True)
        self._talk(who, turns)


MACHINES: Final = (Conversations, NarrowConversations, OrderlyConversations, Handshakes, Exchanges)
