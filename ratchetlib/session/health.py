"""How well a session heals, for the application to act on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHealth:
    """Figures of one session, as they are now.

    Attributes:
        confirmed: a message of the peer has decrypted. An unconfirmed session may never reach anybody.
        messages_since_dh_step: messages sent and received since the last Diffie-Hellman step, the one that made it
            included.
        dh_overdue: that is 50 or more. A compromise before the step reads on until the next one: send an empty message,
            and if that has been done, get the peer to answer. One-way traffic never heals.
        pq_epoch: post-quantum secrets that have entered the root key so far.
        messages_since_pq_step: messages since the last of them, counted alike; since the handshake before the first.
        pq_overdue: that is 500 or more. An even conversation takes about 50 messages an epoch: chunks are being lost,
            or the peer does not answer.
        skipped_stored: message keys kept for late messages, at most 2,000. `forget_skipped` drops them.
        skipped_evicted: message keys evicted or forgotten in the session's life: messages that can no longer be read.
        last_eviction: how many of them at the last time; 0 if never.
    """

    confirmed: bool
    messages_since_dh_step: int
    dh_overdue: bool
    pq_epoch: int
    messages_since_pq_step: int
    pq_overdue: bool
    skipped_stored: int
    skipped_evicted: int
    last_eviction: int
