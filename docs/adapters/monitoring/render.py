"""Draw dashboard.json from a simulated run of the real exporter, as dashboard.svg.

    python docs/adapters/monitoring/render.py

Six hours of a host process with 400 devices, scraped each minute; the clock is simulated, the metrics are those of
`metrics.py`. After five hours and twenty minutes the random source gets stuck.
"""

from __future__ import annotations

import json
import math
import random as insecure
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import mock

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import nacl.bindings  # noqa: E402  # after the path, with the others
from expressions import Series, evaluate  # noqa: E402
from metrics import SessionEvents, registry  # noqa: E402
from security_events import Event  # noqa: E402

from ratchetlib import RandomnessError  # noqa: E402
from ratchetlib.primitives import random  # noqa: E402

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

MINUTES: Final = 360
FAILS_AT: Final = 320
WIDTH: Final = 1200
UNIT: Final = WIDTH / 24
ROW: Final = 34
TOP: Final = 52
GAP: Final = 8
PALETTE: Final = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830")
COLOURS: Final = {"green": "#299c46", "yellow": "#e5ac0e", "red": "#d44a3a"}
COHORTS: Final = {"stable": 300, "beta": 90, "nightly": 8}
"""Devices; the last cohort is too small to be shown."""
EVENTS: Final = {
    Event.MESSAGE_REFUSED: 0.4,
    Event.REPLAY_REFUSED: 0.2,
    Event.RESET_MADE: 0.15,
    Event.IDENTITY_CHANGED: 0.05,
}
"""How often each minute, at traffic 1."""


# --- the run ------------------------------------------------------------------------------------


def simulate() -> Series:
    """What a Prometheus would have of the six hours."""
    chance = insecure.Random(7)  # noqa: S311  # a simulation
    events = SessionEvents(tuple(COHORTS))
    exporter, series = registry(events), Series()
    for minute in range(MINUTES + 1):
        if minute == FAILS_AT:
            mock.patch.object(nacl.bindings, "randombytes", lambda length: b"\x5a" * length).start()
        traffic = 1.4 - math.cos(minute / 75) + 0.3 * chance.random()
        with suppress(RandomnessError):
            for _ in range(int(150 * traffic)):
                random.random_bytes(chance.choice((24, 24, 32, 64)))
        for event, rate in EVENTS.items():
            if chance.random() < traffic * rate:
                cohort = chance.choices(list(COHORTS), list(COHORTS.values()))[0]
                events.count(event, cohort, f"{cohort}{chance.randrange(COHORTS[cohort])}".encode())
        scrape(exporter, series, minute * 60.0)
    mock.patch.stopall()
    return series


def scrape(exporter: CollectorRegistry, series: Series, at: float) -> None:
    """Add the samples of a moment."""
    for family in exporter.collect():
        for sample in family.samples:
            series.setdefault((sample.name, frozenset(sample.labels.items())), []).append((at, sample.value))


# --- the picture --------------------------------------------------------------------------------


class Box(NamedTuple):
    """A panel's place."""

    x: float
    y: float
    w: float
    h: float


class Line(NamedTuple):
    """A curve with its name."""

    name: str
    points: list[tuple[float, float]]


def text(x: float, y: float, said: str, size: int = 12, colour: str = "#ccccdc", more: str = "") -> str:
    """A piece of text."""
    shown = said.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" {more}>{shown}</text>'


def place(panel: dict[str, Any]) -> Box:
    """From the dashboard's grid."""
    grid = panel["gridPos"]
    return Box(
        grid["x"] * UNIT + GAP / 2, TOP + grid["y"] * ROW + GAP / 2, grid["w"] * UNIT - GAP, grid["h"] * ROW - GAP
    )


def draw_stat(panel: dict[str, Any], box: Box, series: Series) -> str:
    """A number, or the word that stands for it, in the colour of its threshold."""
    (value,) = evaluate(panel["targets"][0]["expr"], series, MINUTES * 60).values()
    defaults = panel["fieldConfig"]["defaults"]
    reached = [step["color"] for step in defaults["thresholds"]["steps"] if value >= (step["value"] or 0)]
    colour = COLOURS[reached[-1]]
    words = {key: option["text"] for rule in defaults.get("mappings", ()) for key, option in rule["options"].items()}
    shown = words.get(f"{value:.0f}", f"{value:.0f}")
    filled = panel["options"]["colorMode"] == "background"
    number = text(
        box.x + box.w / 2, box.y + box.h / 2 + 26, shown, 44, "#ffffff" if filled else colour,
        'text-anchor="middle" font-weight="500"',
    )  # fmt: skip
    return frame(panel, box, colour if filled else "#181b1f") + number


def draw_lines(panel: dict[str, Any], box: Box, series: Series) -> str:
    """Curves over time."""
    lines = curves(panel["targets"][0], series)
    top = nice(max(value for line in lines for _, value in line.points))
    inner = Box(box.x + 52, box.y + 40, box.w - 70, box.h - 92)
    parts = [frame(panel, box, "#181b1f"), axes(inner, top)]
    for number, line in enumerate(lines):
        colour = PALETTE[number % len(PALETTE)]
        path = " ".join(
            f"{inner.x + inner.w * at / MINUTES:.1f},{inner.y + inner.h * (1 - value / top):.1f}"
            for at, value in line.points
        )
        low = inner.y + inner.h
        parts.append(
            f'<polygon points="{inner.x:.1f},{low:.1f} {path} {inner.x + inner.w:.1f},{low:.1f}" fill="{colour}" '
            f'fill-opacity="0.12"/><polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        left = inner.x + 110 * number
        parts.append(f'<rect x="{left:.1f}" y="{box.y + box.h - 22:.1f}" width="14" height="4" fill="{colour}"/>')
        parts.append(text(left + 20, box.y + box.h - 15, line.name))
    return "".join(parts)


def curves(target: dict[str, Any], series: Series) -> list[Line]:
    """One for each combination of labels, a point each two minutes."""
    found: dict[str, list[tuple[float, float]]] = {}
    for minute in range(2, MINUTES + 1, 2):
        for labels, value in evaluate(target["expr"], series, minute * 60).items():
            name = target["legendFormat"]
            for label, content in labels:
                name = name.replace("{{" + label + "}}", content)
            found.setdefault(name, []).append((minute, value))
    return [Line(name, points) for name, points in sorted(found.items())]


def frame(panel: dict[str, Any], box: Box, colour: str) -> str:
    """A panel with its title."""
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.w:.1f}" height="{box.h:.1f}" rx="3" fill="{colour}" '
        'stroke="#2c3235"/>'
    ) + text(box.x + 12, box.y + 22, panel["title"], 13, "#d8d9da", 'font-weight="600"')


def axes(inner: Box, top: float) -> str:
    """Lines and numbers: five levels, each hour."""
    parts = []
    for step in range(5):
        y = inner.y + inner.h * (1 - step / 4)
        parts.append(f'<path d="M{inner.x:.1f} {y:.1f}h{inner.w:.1f}" stroke="#2c3235"/>')
        parts.append(text(inner.x - 8, y + 4, f"{top * step / 4:g}", 11, "#9fa7b3", 'text-anchor="end"'))
    for hour in range(MINUTES // 60 + 1):
        x = inner.x + inner.w * hour * 60 / MINUTES
        parts.append(text(x, inner.y + inner.h + 18, f"{12 + hour}:00", 11, "#9fa7b3", 'text-anchor="middle"'))
    return "".join(parts)


def nice(value: float) -> float:
    """The next number above that divides by four legibly."""
    unit = 10 ** math.floor(math.log10(value or 1))
    return next(float(unit * step) for step in (1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12) if unit * step >= value)


def draw(dashboard: dict[str, Any], series: Series) -> str:
    """The whole picture."""
    low = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    height = TOP + low * ROW + GAP
    kinds = {"stat": draw_stat, "timeseries": draw_lines}
    panels = (kinds[panel["type"]](panel, place(panel), series) for panel in dashboard["panels"])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Inter, Helvetica, Arial, sans-serif">'
        f'<rect width="{WIDTH}" height="{height}" fill="#111217"/>'
    )
    title = text(12, 33, dashboard["title"], 19, "#ffffff", 'font-weight="600"')
    about = "simulated: 400 devices, six hours; the random source gets stuck at 17:20"
    note = text(WIDTH - 12, 33, about, 12, "#9fa7b3", 'text-anchor="end"')
    return "\n".join([head, title, note, *panels, "</svg>"]) + "\n"


def main() -> None:
    """Write the picture beside the dashboard."""
    dashboard = json.loads((HERE / "dashboard.json").read_text(encoding="utf-8"))
    (HERE / "dashboard.svg").write_text(draw(dashboard, simulate()), encoding="utf-8")


if __name__ == "__main__":
    main()
