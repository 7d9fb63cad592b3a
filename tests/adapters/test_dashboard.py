"""The dashboard asks for what is exported, its picture is of it, and the two pages run as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from adapters.exposed import MONITORING, scraped
from adapters.pages import blocks, dead_links
from adapters.places import scratch
from expressions import Series, evaluate, metrics_in
from metrics import MAX_COHORTS, Kind, SessionEvents, registry

ADAPTERS = MONITORING.parent
PAGES = ("logging.md", "monitoring.md")
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]


def exposed() -> set[str]:
    return {name for name, _ in scraped(registry(SessionEvents()))}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_of_what_is_exported_and_gives_something(query: str) -> None:
    exporter = registry(SessionEvents(("stable",)))
    series: Series = {}
    for minute in range(3):
        for key, value in scraped(exporter).items():
            series.setdefault(key, []).append((minute * 60.0, value))
    assert metrics_in(query) <= exposed()
    assert evaluate(query, series, 120)


def test_every_metric_is_on_the_dashboard() -> None:
    assert set().union(*map(metrics_in, QUERIES)) == exposed()


def test_panels_have_their_own_places_on_the_grid() -> None:
    taken = [
        (x, y)
        for panel in PANELS
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_the_picture_shows_every_panel_and_nothing_active() -> None:
    picture = ET.fromstring((MONITORING / "dashboard.svg").read_text())  # noqa: S314  # our own file
    tags = {element.tag.rpartition("}")[2] for element in picture.iter()}
    said = {element.text for element in picture.iter()}
    assert {panel["title"] for panel in PANELS} <= said
    assert tags <= {"svg", "rect", "text", "path", "polygon", "polyline"}


def test_the_picture_is_drawn_anew_from_a_run() -> None:
    """The same words as in the file; the numbers are of another run."""
    directory = scratch()
    shutil.copytree(ADAPTERS, directory / "adapters", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    drawn = directory / "adapters" / "monitoring" / "dashboard.svg"
    drawn.unlink()
    subprocess.run([sys.executable, drawn.with_name("render.py")], check=True, timeout=60)  # noqa: S603  # our own
    text = drawn.read_text()
    shutil.rmtree(directory)
    for word in ("FAILED", "refused", "alarm", "reset", "stable", "other", "nightly"):
        assert f">{word}</text>" in text


# --- the pages ----------------------------------------------------------------------------------


def run_program(page: str, number: int) -> tuple[int, str, str]:
    directory = scratch()
    environment = {**os.environ, "PYTHONPATH": str(ADAPTERS)}
    ended = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", blocks(page)[number]],
        check=False, cwd=directory, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    shutil.rmtree(directory)
    return ended.returncode, re.sub(r"[0-9a-f]{8}(?=[\]\"])", "HASH", ended.stdout), ended.stderr


def test_the_program_of_the_logging_page_runs() -> None:
    code, out, err = run_program("logging.md", 0)
    assert (code, err) == (0, "")
    *lines, event = out.splitlines()
    assert lines == [
        "state {'token': [redacted], 'tries': 3}",
        "took 00000000 and [redacted]",
        "refused",
        "ValueError: peer=[redacted]",
    ]
    assert json.loads(event) | {"time": ""} == {
        "time": "", "level": "WARNING", "logger": "ratchetlib.security", "text": "replay refused",
        "event": "replay refused", "device": "HASH",
    }  # fmt: skip


def test_the_program_about_uncaught_exceptions_runs() -> None:
    code, out, err = run_program("logging.md", 1)
    assert (code, err) == (1, "")
    assert out.splitlines()[0] == "CRITICAL uncaught"
    assert out.splitlines()[-1] == "RuntimeError: token=[redacted]"


def test_the_program_of_the_monitoring_page_runs() -> None:
    code, out, err = run_program("monitoring.md", 0)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "ratchetlib_random_healthy 1.0"
    assert 'ratchetlib_session_events_total{cohort="stable",kind="refused"} 6.0' in out
    assert 'ratchetlib_session_events_total{cohort="beta",kind="refused"} 0.0' in out


def test_every_program_is_run() -> None:
    assert [len(blocks(page)) for page in PAGES] == [2, 1]


def test_every_link_of_the_pages_is_there() -> None:
    for page in PAGES:
        assert dead_links(page) == [], page


def test_the_page_names_every_metric_and_alert() -> None:
    page = (ADAPTERS / "monitoring.md").read_text()
    alerts = re.findall(r"alert: (\w+)", (MONITORING / "alerts.yml").read_text())
    for name in exposed() | set(alerts) | set(Kind):
        assert f"`{name}" in page


def test_the_page_says_how_many_series_there_are_at_most() -> None:
    largest = len(scraped(registry(SessionEvents(("a", "b", "c")[:MAX_COHORTS]))))
    assert f"at most {largest}, for one device" in (ADAPTERS / "monitoring.md").read_text()


@pytest.mark.attack("A122")
def test_the_page_says_what_the_health_tests_cannot_find() -> None:
    assert "A good generator with a bad seed passes them all." in (ADAPTERS / "monitoring.md").read_text()
