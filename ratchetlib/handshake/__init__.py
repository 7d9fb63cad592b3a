"""The asynchronous post-quantum handshake: PQXDH with the repairs that its formal analysis proposed.

It ends in session secrets and knows nothing of the ratchet that they start.
"""

from ratchetlib.handshake.accept import Accepted, accept
from ratchetlib.handshake.initiate import Initiated, initiate
from ratchetlib.handshake.prefix import PREFIX_LENGTH, prefix_hash
from ratchetlib.handshake.schedule import SessionSecrets

__all__ = ["PREFIX_LENGTH", "Accepted", "Initiated", "SessionSecrets", "accept", "initiate", "prefix_hash"]
