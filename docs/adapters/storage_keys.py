"""A new storage key, and everything sealed anew under it.

    left = reseal_all(store, vault)             # a vault with the old key and the new one, the new one being current
    reseal_archive(vault, owner, rows, write)   # what the application has stored elsewhere

Crashed or repeated, it does again what is not done. When nothing is left in any process, the old key can be destroyed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from records import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from store import Store

    from ratchetlib import StateVault


def reseal_all(store: Store, vault: StateVault) -> int:
    """Sessions, prekeys, identity, notes and plan.

    Returns:
        How many blobs are left under an old key: received plaintexts that the application has not taken yet, and the
        records of peers in `store.refused`. Take the ones, abandon the others, and call again.
    """
    return store.reseal(vault)


def reseal_archive(
    vault: StateVault, owner: bytes, rows: Iterable[tuple[bytes, bytes]], write: Callable[[bytes, bytes], None]
) -> None:
    """Messages that the application keeps, each sealed as a `Note` under a name of its own.

    Args:
        vault: as above.
        owner: this device's address.
        rows: name and blob of each message.
        write: replaces the blob of a name, durably.
    """
    for name, blob in rows:
        if vault.is_current(blob):
            continue
        generation = vault.generation(blob)
        resealed = vault.reseal(
            blob, kind=Note, owner=owner, peer=name, generation=generation + 1, minimum_generation=generation
        )
        write(name, resealed)
