"""The post-quantum ratchet: its erasure code, its chunk streams and its state machine."""
