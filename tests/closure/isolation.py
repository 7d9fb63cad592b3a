"""What one secret alone is worth to somebody who has all public bytes and has solved no problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from closure.attacker import Knowledge

from ratchetlib.keys import ChainKey, MessageKey
from ratchetlib.primitives.aead import HeaderKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from closure.claims import Post
    from closure.log import Log

    from ratchetlib.secret import SecretBytes

    Posts = frozenset[Post]


class Worth(NamedTuple):
    """One secret and what it opens.

    Attributes:
        role: what the secret is.
        bodies: the messages that can be read.
        headers: those whose headers can be read.
    """

    role: type[SecretBytes]
    bodies: Posts
    headers: Posts


def worths(log: Log, public: Knowledge, posts: Collection[Post]) -> Iterator[Worth]:
    """What each secret that the library ever wrapped is worth alone, once for each role that it had."""
    for raw, roles in log.roles.items():
        knowledge = Knowledge(log.book, frozenset(), [raw], public)
        bodies = frozenset(post for post in posts if post.sealed.body in knowledge)
        headers = frozenset(post for post in posts if post.sealed.header in knowledge)
        yield from (Worth(role, bodies, headers) for role in roles)


def is_right(worth: Worth, posts: Collection[Post]) -> bool:
    """Whether a secret opens what its role may, and all of it.

    A message key opens its one message, a chain key the rest of its chain, a header key the headers of its chain, the
    last two possibly none if the chain ends there or was never opened. Nothing else opens anything.
    """
    role, bodies, headers = worth
    if role is MessageKey:
        return len({_place(post) for post in bodies}) == 1 and not headers
    if role is ChainKey:
        return bodies == _rest(bodies, posts) and not headers
    if role is HeaderKey:
        return headers == _whole(headers, posts) and not bodies
    return not bodies and not headers


def _place(post: Post) -> tuple[int, int]:
    return post.chain, post.number


def _rest(some: Posts, posts: Collection[Post]) -> Posts:
    """All messages from the first of some on, on the same chain."""
    first = min(map(_place, some), default=None)
    return frozenset(post for post in posts if first and post.chain == first[0] and post.number >= first[1])


def _whole(some: Posts, posts: Collection[Post]) -> Posts:
    """All messages on the chain of some."""
    chain = min((post.chain for post in some), default=None)
    return frozenset(post for post in posts if post.chain == chain)
