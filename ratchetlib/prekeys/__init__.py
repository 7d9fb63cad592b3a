"""What a device publishes so that others can write to it while it is offline."""

from ratchetlib.prekeys.bundle import PrekeyBundle
from ratchetlib.prekeys.one_time import OneTimeItem
from ratchetlib.prekeys.ring import PrekeyRing, RingStatus
from ratchetlib.prekeys.signed import SignedBundle

__all__ = ["OneTimeItem", "PrekeyBundle", "PrekeyRing", "RingStatus", "SignedBundle"]
