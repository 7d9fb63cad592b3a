from __future__ import annotations

import platform
import re

from ratchetlib import __version__
from ratchetlib.cli.versions import versions


def test_every_part_is_stated() -> None:
    stated = versions()
    assert stated["ratchetlib"] == __version__
    assert stated["Python"].startswith(platform.python_version())
    assert re.fullmatch(r"\d+\.\d+.*", stated["PyNaCl"])
    assert re.fullmatch(r"\d+\.\d+.*, with OpenSSL .+", stated["cryptography"])
    assert stated["hashlib"].startswith("with ")
