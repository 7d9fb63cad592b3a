"""Fuzz ratchetlib: `python fuzz/run.py --seconds 60 --jobs 2`; the README beside this file says the rest."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path

from runner import readme, targets
from runner.campaign import Campaign, Plan
from runner.minimize import minimize
from runner.replay import replay


def main() -> int:
    """0 if nothing was found."""
    options = _options()
    names = options.target or targets.names()
    if options.list:
        for name in targets.names():
            print(f"{name:18} {targets.invariant(name)}")
        return 0
    if options.readme:
        readme.write()
        return 0
    if options.replay:
        broken = replay(names[0], options.replay)
        print(f"{broken} of {len(options.replay)} inputs break something")
        return int(broken > 0)
    if options.coverage:
        from runner.coverage_report import report  # noqa: PLC0415  # needs coverage, which fuzzing does not

        return report(names)
    if options.bugs:
        from runner.bugs import show  # noqa: PLC0415  # needs git's apply

        return show(names, options.seconds)
    return _fuzz(options, names)


def _fuzz(options: argparse.Namespace, names: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(folder)
        plan = Plan(names, options.seconds, options.jobs, options.crashes.resolve(), keep.resolve())
        campaign = Campaign(plan)
        findings = campaign.run() if options.seconds else []
        for finding in findings:
            print(finding.report())
        if options.minimize and (findings or campaign.interrupted):
            print("the corpora were not minimized")
        elif options.minimize:
            for name in names:
                count, size = minimize(name, keep.resolve() / name)
                print(f"{name:18} {count:>5} inputs {size:>9,} bytes")
    return 130 if campaign.interrupted else int(bool(findings))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--seconds",
        type=int,
        default=60,
        metavar="N",
        help="for each target; 0 with --minimize only merges",
    )
    add("--target", action="append", choices=targets.names(), metavar="NAME", help="one target; may be repeated")
    add("--jobs", type=int, default=1, help="processes at once (default 1)")
    add("--crashes", type=Path, default=Path("fuzz-crashes"), help="folder for what breaks something")
    add("--keep", type=Path, help="folder for new inputs, to go on from the next time")
    add("--minimize", action="store_true", help="merge the new inputs into fuzz/corpus and keep what counts")
    add("--replay", type=Path, nargs="+", metavar="FILE", help="run these inputs once, without atheris")
    add("--coverage", action="store_true", help="what the corpora reach, module by module")
    add("--bugs", action="store_true", help="break the library in five ways and see each found")
    add("--readme", action="store_true", help="write the README's table of targets")
    add("--list", action="store_true", help="the targets and what each shows")
    options = parser.parse_args()
    if options.seconds < 0 or options.jobs < 1:
        parser.error("--seconds is at least 0 and --jobs at least 1")
    if not (options.replay or options.list or options.readme or options.coverage) and not importlib.util.find_spec(
        "atheris"
    ):
        parser.error("atheris is not installed: pip install -e '.[fuzz]'; --replay does without it")
    if options.replay and len(options.target or ()) != 1:
        parser.error("--replay needs the one --target whose inputs these are")
    return options


if __name__ == "__main__":
    sys.exit(main())
