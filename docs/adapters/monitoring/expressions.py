"""The few forms of PromQL that the alerts and the dashboard use, so that both can be tried without a Prometheus.

    absent(m)   m   m{kind="x"}   sum(e)   sum by (kind) (e)   min(e)   max(e)   e and e   e == 0
    increase(m[1h])   rate(m[5m])   max_over_time(m[1h])

`increase` and `rate` do not extrapolate to the ends of their window, as a Prometheus does.
"""

from __future__ import annotations

import operator
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Labels: TypeAlias = frozenset[tuple[str, str]]
Series: TypeAlias = dict[tuple[str, Labels], list[tuple[float, float]]]
"""By name and labels: seconds and values, in order of time."""

Vector: TypeAlias = dict[Labels, float]

LOOKBACK: Final = 300.0
"""Seconds after which a sample is too old to be the current one."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SELECTOR: Final = re.compile(r"([a-z_]+)(?:\{(.*)\})?")
_RANGE: Final = re.compile(r"(increase|rate|max_over_time)\((.+)\[(\w+)\]\)")
_COMPARISON: Final = re.compile(r"(.+?)\s*(==|>=|<=|>|<)\s*([\d.]+)")
_SUM: Final = re.compile(r"(sum|min|max)(?: by \((\w+)\) )?\((.+)\)")
_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FOLDS: Final[dict[str, Callable[[list[float]], float]]] = {"sum": sum, "min": min, "max": max}


def seconds(duration: str) -> int:
    """`5m` is 300."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def evaluate(expression: str, series: Series, at: float) -> Vector:
    """The value of each combination of labels."""
    expression = expression.strip()
    if " and " in expression:
        left, right = (evaluate(side, series, at) for side in expression.split(" and "))
        return {labels: value for labels, value in left.items() if labels in right}
    if compared := _COMPARISON.fullmatch(expression):
        holds, bound = _OPERATORS[compared[2]], float(compared[3])
        return {labels: value for labels, value in evaluate(compared[1], series, at).items() if holds(value, bound)}
    if folded := _SUM.fullmatch(expression):
        return _fold(folded[1], folded[2], evaluate(folded[3], series, at))
    if expression.startswith("absent("):
        return {} if evaluate(expression[7:-1], series, at) else {frozenset(): 1.0}
    if ranged := _RANGE.fullmatch(expression):
        return _over(ranged[1], _selected(ranged[2], series), seconds(ranged[3]), at)
    found = {labels: _within(samples, at - LOOKBACK, at) for labels, samples in _selected(expression, series).items()}
    return {labels: values[-1][1] for labels, values in found.items() if values}


def metrics_in(expression: str) -> set[str]:
    """The names of metrics in an expression."""
    return set(re.findall(r"ratchetlib_\w+", expression))


def _selected(selector: str, series: Series) -> dict[Labels, list[tuple[float, float]]]:
    parsed = _SELECTOR.fullmatch(selector)
    if parsed is None:
        raise ValueError(f"no form that is known: {selector}")
    wanted = set(re.findall(r'(\w+)="([^"]*)"', parsed[2] or ""))
    return {labels: found for (name, labels), found in series.items() if name == parsed[1] and wanted <= labels}


def _within(samples: list[tuple[float, float]], after: float, until: float) -> list[tuple[float, float]]:
    return [(time, value) for time, value in samples if after <= time <= until]


def _over(function: str, selected: dict[Labels, list[tuple[float, float]]], window: int, at: float) -> Vector:
    result = {}
    for labels, samples in selected.items():
        values = [value for _, value in _within(samples, at - window, at)]
        if function == "max_over_time" and values:
            result[labels] = max(values)
        elif function != "max_over_time" and len(values) > 1:
            grown = sum(after - before if after >= before else after for before, after in pairwise(values))
            result[labels] = grown / window if function == "rate" else grown
    return result


def _fold(function: str, by: str | None, vector: Vector) -> Vector:
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(frozenset(label for label in labels if label[0] == by), []).append(value)
    return {labels: _FOLDS[function](values) for labels, values in groups.items()}
