"""Fuzz ratchetlib: `python fuzz/run.py --seconds 60 --jobs 2`; the README beside this file says the rest."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
import tempfile
from pathlib import Path

from runner import readme, targets
from runner.bugs import bug_targets
from runner.campaign import Campaign, Plan
from runner.minimize import merge, minimize
from runner.replay import replay_within_limits
from seeds import every

_INTERRUPTED = 130
"""As a shell says it of a program that Ctrl-C has ended."""


def main() -> int:
    """0 if nothing was found, 1 if something was, 2 for a command that cannot be carried out, 130 after Ctrl-C."""
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
        broken = replay_within_limits(names[0], options.replay)
        print(f"{broken} of {len(options.replay)} inputs break something")
        return int(broken > 0)
    if options.coverage:
        from runner.coverage_report import report  # noqa: PLC0415  # needs coverage, which fuzzing does not

        return report(names)
    if options.bugs:
        from runner.bugs import show  # noqa: PLC0415  # needs git's apply

        return show(names, options.seconds, options.jobs)
    return _fuzz(options, names)


def _fuzz(options: argparse.Namespace, names: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C, with the processes under it
    with tempfile.TemporaryDirectory() as folder:
        keep, seeds = (options.keep or Path(folder) / "keep").resolve(), Path(folder) / "seeds"
        for name in names:
            every.write(name, seeds)
        campaign = Campaign(Plan(names, options.seconds, options.jobs, options.crashes.resolve(), keep, seeds))
        findings = campaign.run() if options.seconds else []
        for finding in findings:
            print(finding.report())
        if campaign.interrupted:
            return _INTERRUPTED
        if findings:
            if options.minimize:
                print("nothing was minimized: the corpora are as they were")
            return 1
        for name in names if options.minimize else ():
            _tell(name, minimize(name, keep / name, seeds / name))
        for name in names if options.keep and options.minimize else ():
            merge(name, keep / name)
    return 0


def _tell(name: str, size: tuple[int, int]) -> None:
    print(f"{name:18} {size[0]:>5} inputs {size[1]:>9,} bytes", flush=True)


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
    add("--minimize", action="store_true", help="merge into fuzz/corpus, keep what counts; --keep too")
    add("--replay", type=Path, nargs="+", metavar="FILE", help="run these inputs once, without atheris")
    add("--coverage", action="store_true", help="what the corpora reach, module by module")
    add("--bugs", action="store_true", help="break the library on purpose, again and again, and see each bug found")
    add("--readme", action="store_true", help="write the README's table of targets")
    add("--list", action="store_true", help="the targets and what each shows")
    options = parser.parse_args()
    if complaint := _complaint(options):
        parser.exit(2, f"{parser.prog}: {complaint}\n")
    return options


def _complaint(options: argparse.Namespace) -> str | None:
    """Why the command cannot be carried out."""
    chosen = set(options.target or ())
    missing = [str(path) for path in options.replay or () if not path.is_file()]
    needs_atheris = not (options.replay or options.list or options.readme or options.coverage)
    complaints = {
        "--seconds is at least 0 and --jobs at least 1": options.seconds < 0 or options.jobs < 1,
        "--replay needs the one --target whose inputs these are": options.replay and len(chosen) != 1,
        f"no such file: {', '.join(missing)}": missing,
        f"seeded bugs are for {', '.join(sorted(bug_targets()))}": options.bugs
        and chosen
        and not chosen & bug_targets(),
        "atheris is not installed: pip install -e '.[fuzz]' (--replay does without it)": needs_atheris
        and not importlib.util.find_spec("atheris"),
    }
    return next((text for text, holds in complaints.items() if holds), None)


if __name__ == "__main__":
    sys.exit(main())
