"""Is what is pinned what is installed?

python tests/requirements/check.py tests/requirements/test.txt
"""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "adapters" / "sbom"))

import pins


def main() -> str | None:
    """The command; a text is its complaint."""
    pinned = {name: pin.version for name, pin in pins.read(Path(sys.argv[1])).items()}
    installed = {canonicalize_name(package.name): package.version for package in distributions()}
    others = sorted(installed.keys() - pinned.keys() - {"pip", "ratchetlib"})
    sys.stdout.write(f"pinned: {len(pinned)}; installed besides: {', '.join(others) or 'nothing'}\n")
    wrong = [
        f"{name}: {version} is pinned, {installed.get(name, 'nothing')} is installed"
        for name, version in pinned.items()
        if installed.get(name) != version
    ]
    return "\n".join(wrong) or None


if __name__ == "__main__":
    sys.exit(main())
