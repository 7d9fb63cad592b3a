"""Makes the test vectors: every file, byte for byte, from the labels of its draws.

    python vectors/generate.py            writes the files
    python vectors/generate.py --check    writes nothing; exit code 1 if a file would differ

Needs kyber-py, whose encapsulation takes its randomness as an argument.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT.parent / "tests")]

if __name__ == "__main__":
    from generator.main import main

    raise SystemExit(main(ROOT, sys.argv[1:]))
