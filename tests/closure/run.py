"""Study: `python tests/closure/run.py` shows the figures of every build, `--deep` all; `--write` records them."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does

from closure.studies import COMMAND, FIGURES, STUDIES, outcome

MEASURED = f"One process on one core; seconds are those of that run. CPython {platform.python_version()}."


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deep", action="store_true", help="the long studies, too")
    parser.add_argument("--write", action="store_true", help=f"record in {FIGURES.name}")
    options = parser.parse_args(arguments)
    studies = json.loads(FIGURES.read_text())["studies"] if FIGURES.exists() else {}
    violations = 0
    for study in STUDIES:
        if study.long and not options.deep:
            continue
        start = time.perf_counter()
        findings, figures = outcome(study)
        seconds = round(time.perf_counter() - start, 1)
        violations += len(findings)
        studies[study.name] = {"in every build": not study.long, **figures._asdict(), "seconds": seconds}
        sys.stdout.write(f"{study.name}: {len(findings)} violations, {studies[study.name]}\n")
    if options.write and not violations:
        kept = {study.name: studies[study.name] for study in STUDIES if study.name in studies}
        recorded = {"command": COMMAND, "measured": MEASURED, "studies": kept}
        FIGURES.write_text(json.dumps(recorded, indent=2) + "\n")
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
