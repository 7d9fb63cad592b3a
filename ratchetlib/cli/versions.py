"""What this installation is made of."""

from __future__ import annotations

import platform
import ssl
from importlib.metadata import version

from cryptography.hazmat.backends.openssl import backend

from ratchetlib import __version__


def versions() -> dict[str, str]:
    """Name and version of each part that touches a key, as a report of a problem should state them."""
    machine = f"{platform.system()} {platform.machine()}"
    return {
        "ratchetlib": __version__,
        "Python": f"{platform.python_version()}, {platform.python_implementation()} on {machine}",
        "PyNaCl": version("PyNaCl"),
        "cryptography": f"{version('cryptography')}, with {backend.openssl_version_text()}",
        "hashlib": f"with {ssl.OPENSSL_VERSION}",
    }
