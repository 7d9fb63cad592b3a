"""A pytest plugin: writes which tests passed and failed, and where the package was imported from, as JSON.

Once a case of a test has failed, its other cases are left out: one is enough to kill a mutant.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

passed: set[str] = set()
failed: set[str] = set()
errors: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--witness", type=Path, required=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.nodeid.partition("[")[0] in {test.partition("[")[0] for test in failed}:
        pytest.skip("one case is enough")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        errors.append(f"{report.nodeid}: {report.longreprtext[-500:]}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        (passed if report.passed else failed if report.failed else set()).add(report.nodeid)
    elif report.failed:
        errors.append(f"{report.nodeid}: {report.when}: {report.longreprtext[-500:]}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    found = importlib.util.find_spec("ratchetlib")
    said = {
        "passed": sorted(passed),
        "failed": sorted(failed),
        "errors": errors,
        "origin": found.origin if found else None,
    }
    session.config.getoption("witness").write_text(json.dumps(said), encoding="utf-8")
