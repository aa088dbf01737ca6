"""Vega-Lite specifications of the charts, as plain data: the console draws them in the browser, the report as SVG; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from clearance.monitoring.model import Figure
from clearance.statistics.verdicts import Verdict
from clearance.values import timestamp

Spec = dict[str, Any]
"""A Vega-Lite document."""

MOST_NAMED = 6
"""Most lines with a colour and a name of their own; the others are grey."""
OTHERS = "others"

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_RED, _GREY = "#d1242f", "#8b949e"
_COLOURS = ("#2f81f7", "#bc6c00", "#8957e5", "#1a9c7d", "#c2388e", "#7a8290")
"""Told apart by people who see colours differently, and legible on white and on black."""
_LONG = timedelta(days=120)


def drift(figures: Iterable[Figure]) -> Spec | None:
    """Return PSI of each feature over the windows: features that ever failed have a colour, red points mark the windows.

    None when there is nothing to draw.
    """
    measured = [figure for figure in figures if figure.value is not None]
    named = _most_failing(measured)
    rows = [_row(figure) | {"line": figure.subject if figure.subject in named else OTHERS} for figure in measured]
    if not rows:
        return None
    order = [*named, OTHERS] if any(row["line"] == OTHERS for row in rows) else named
    colours = [*_COLOURS[: len(named)], _GREY][: len(order)]
    colour = _colour("line", order, colours, shown=bool(named))
    y = _y("PSI", zero=True)
    y["scale"] |= {"type": "sqrt"}  # one feature that drifts far would press all others onto the axis
    line = {
        "mark": {"type": "line", "strokeWidth": 1.6},
        "encoding": {
            "x": _x(measured),
            "y": y,
            "detail": {"field": "of"},
            "color": colour,
            "opacity": {"condition": {"test": f"datum.line == '{OTHERS}'", "value": 0.45}, "value": 1},
        },
    }
    return _over_time(rows, measured, y, [line], "PSI of each feature by window")


def quality(figures: Iterable[Figure], title: str) -> Spec | None:
    """Return a figure of each version over the windows; a hollow point is provisional, a red one has failed.

    None when there is nothing to draw.
    """
    measured = [figure for figure in figures if figure.value is not None]
    newest = sorted({figure.version for figure in measured if figure.version is not None})[-MOST_NAMED:]
    rows = [_row(figure) | {"line": f"version {figure.version}"} for figure in measured if figure.version in newest]
    if not rows:
        return None
    order = [f"version {number}" for number in newest]
    colour = _colour("line", order, list(_COLOURS), shown=True)
    x, y = _x(measured), _y(title, zero=False)
    line = {"mark": {"type": "line", "strokeWidth": 1.6}, "encoding": {"x": x, "y": y, "color": colour}}
    points = {
        "mark": {"type": "point", "size": 30, "filled": False},
        "encoding": {
            "x": x,
            "y": y,
            "color": colour,
            "fill": colour,
            "fillOpacity": {"condition": {"test": "datum.state == 'mature'", "value": 1}, "value": 0},
            "tooltip": _tooltip("labelled events"),
        },
    }
    return _over_time(rows, measured, y, [line, points], f"{title} of each version by window")


def intervals(rows: Sequence[Mapping[str, Any]], title: str) -> Spec:
    """Return a row per figure with its interval: `{"name", "value", "low", "high", "wrong"}`, red where it is wrong."""
    y = {
        "field": "name",
        "type": "nominal",
        "title": None,
        "sort": None,
        "axis": {"labelLimit": 260, "ticks": False, "domain": False, "labelPadding": 8},
    }
    colour = {"condition": {"test": "datum.wrong", "value": _RED}, "value": _COLOURS[0]}
    spans = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {
            "y": y,
            "x": {"field": "low", "type": "quantitative", "title": None, "scale": {"zero": False, "nice": True}},
            "x2": {"field": "high"},
            "color": colour,
        },
    }
    points = {
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
        "encoding": {
            "y": y,
            "x": {"field": "value", "type": "quantitative"},
            "color": colour,
            "tooltip": [{"field": "name"}, *({"field": name, "format": ".4f"} for name in ("value", "low", "high"))],
        },
    }
    return _document(list(rows), [spans, points], title) | {"height": 40 + 22 * len(rows)}


def embedded(spec: Spec) -> str:
    """Return a specification as JSON that can stand inside a script element."""
    return json.dumps(spec, ensure_ascii=True).replace("<", "\\u003c")


def _over_time(rows: list[dict[str, Any]], figures: Sequence[Figure], y: Spec, layers: list[Spec], about: str) -> Spec:
    """Return a document with what all charts over windows share: the limit as a dashed line, red points where it failed."""
    limits = {limit for figure in figures if (limit := _limit(figure)) is not None}
    shown = list(layers)
    if len(limits) == 1:
        shown.insert(0, _limit_line(limits.pop(), y))
    if any(row["verdict"] == Verdict.FAILED for row in rows):
        shown.append(_failures(figures, y))
    return _document(rows, shown, about)


def _limit_line(limit: float, y: Spec) -> Spec:
    return {
        "data": {"values": [{"limit": limit}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "color": _RED, "opacity": 0.7},
        "encoding": {"y": y | {"field": "limit"}},
    }


def _failures(figures: Sequence[Figure], y: Spec) -> Spec:
    return {
        "transform": [{"filter": f"datum.verdict == '{Verdict.FAILED}'"}],
        "mark": {"type": "point", "filled": True, "shape": "diamond", "size": 70, "color": _RED, "opacity": 1},
        "encoding": {"x": _x(figures), "y": y, "tooltip": _tooltip("events")},
    }


def _limit(figure: Figure) -> float | None:
    """Return what a figure must not cross: its practical floor, or the threshold of one that has none."""
    return figure.threshold if figure.floor is None else figure.floor


def _row(figure: Figure) -> dict[str, Any]:
    return {
        "window": timestamp(figure.window.start),
        "of": figure.subject or f"version {figure.version}",
        "value": figure.value,
        "verdict": figure.verdict.value,
        "state": "provisional" if figure.provisional else "mature",
        "n": figure.n,
    }


def _most_failing(figures: Iterable[Figure]) -> list[str]:
    """Return the subjects that failed, most often first, but not more than can be told apart."""
    failures: dict[str, int] = {}
    for figure in figures:
        if figure.verdict is Verdict.FAILED:
            failures[figure.subject] = failures.get(figure.subject, 0) + 1
    return sorted(failures, key=lambda subject: (-failures[subject], subject))[:MOST_NAMED]


def _x(figures: Sequence[Figure]) -> Spec:
    starts: list[datetime] = [figure.window.start for figure in figures]
    pattern = "%b %Y" if max(starts) - min(starts) > _LONG else "%d %b"
    ticks = {"format": pattern, "labelOverlap": True, "grid": False, "tickCount": 6, "labelFlush": False}
    return {"field": "window", "type": "temporal", "title": None, "scale": {"type": "utc"}, "axis": ticks}


def _y(title: str, *, zero: bool) -> Spec:
    return {
        "field": "value",
        "type": "quantitative",
        "title": title,
        "scale": {"zero": zero, "nice": True},
        "axis": {"tickCount": 5},
    }


def _colour(field: str, domain: list[str], colours: list[str], *, shown: bool) -> Spec:
    legend = (
        {"orient": "top", "symbolType": "stroke", "title": None, "columns": 2, "labelLimit": 150} if shown else None
    )
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": domain, "range": colours[: len(domain)]},
        "legend": legend,
    }


def _tooltip(n: str) -> list[Spec]:
    return [
        {"field": "window", "type": "temporal", "title": "from", "format": "%Y-%m-%d"},
        {"field": "of", "title": "of"},
        {"field": "value", "format": ".4f"},
        {"field": "verdict"},
        {"field": "state"},
        {"field": "n", "title": n},
    ]


def _document(rows: list[Any], layers: list[Spec], about: str) -> Spec:
    return {
        "$schema": _SCHEMA,
        "description": about,
        "width": "container",
        "height": 260,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": rows},
        "layer": layers,
    }
