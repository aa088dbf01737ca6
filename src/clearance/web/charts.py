"""Vega-Lite specifications of the charts, as plain data; the console draws them and the report renders the same ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clearance.monitoring.model import Figure
from clearance.values import timestamp

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_BLUE, _RED, _GREY = "#2f81f7", "#d1242f", "#8b949e"


def over_time(figures: Iterable[Figure], *, title: str, zero: bool = True) -> str:
    """Return a line per subject over the windows, red where the figure failed, dashed at the practical floor."""
    rows = [
        {
            "window": timestamp(figure.window.start),
            "subject": figure.subject or figure.metric,
            "value": figure.value,
            "verdict": figure.verdict.value,
            "floor": figure.floor,
            "n": figure.n,
        }
        for figure in figures
        if figure.value is not None
    ]
    x = {"field": "window", "type": "temporal", "title": None, "axis": {"format": "%b %Y", "labelOverlap": True}}
    y = {"field": "value", "type": "quantitative", "title": title, "scale": {"zero": zero}}
    hover = [
        {"field": "window", "type": "temporal", "title": "week of", "format": "%Y-%m-%d"},
        {"field": "subject", "title": "of"},
        {"field": "value", "format": ".4f"},
        {"field": "verdict"},
        {"field": "n", "title": "events"},
    ]
    lines: dict[str, Any] = {
        "mark": {"type": "line", "interpolate": "monotone", "strokeWidth": 1.5},
        "encoding": {"x": x, "y": y, "color": {"field": "subject", "type": "nominal", "title": None}},
    }
    points: dict[str, Any] = {
        "transform": [{"filter": "datum.verdict == 'failed'"}],
        "mark": {"type": "point", "filled": True, "size": 45, "color": _RED},
        "encoding": {"x": x, "y": y, "tooltip": hover},
    }
    return specification(rows, [lines, points])


def versions_over_time(figures: Iterable[Figure], *, title: str) -> str:
    """Return a line per version over the windows, hollow where labels are still to come."""
    rows = [
        {
            "window": timestamp(figure.window.start),
            "version": str(figure.version),
            "value": figure.value,
            "state": "provisional" if figure.provisional else "mature",
            "n": figure.n,
        }
        for figure in figures
        if figure.value is not None
    ]
    x = {"field": "window", "type": "temporal", "title": None, "axis": {"format": "%b %Y", "labelOverlap": True}}
    y = {"field": "value", "type": "quantitative", "title": title, "scale": {"zero": False}}
    color = {"field": "version", "type": "nominal", "title": "version"}
    hover = [
        {"field": "window", "type": "temporal", "title": "week of", "format": "%Y-%m-%d"},
        {"field": "version"},
        {"field": "value", "format": ".4f"},
        {"field": "state"},
        {"field": "n", "title": "labelled events"},
    ]
    line = {"mark": {"type": "line", "strokeWidth": 1.5}, "encoding": {"x": x, "y": y, "color": color}}
    points = {
        "mark": {"type": "point", "size": 30},
        "encoding": {
            "x": x,
            "y": y,
            "color": color,
            "fillOpacity": {"condition": {"test": "datum.state == 'mature'", "value": 1}, "value": 0},
            "fill": color | {"legend": None},
            "tooltip": hover,
        },
    }
    return specification(rows, [line, points])


def intervals(rows: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """Return a row per figure with its interval: `{"name", "value", "low", "high"}`, value in the middle."""
    y = {"field": "name", "type": "nominal", "title": None, "sort": None}
    rules = {
        "mark": {"type": "rule", "strokeWidth": 2, "color": _BLUE},
        "encoding": {
            "y": y,
            "x": {"field": "low", "type": "quantitative", "title": title, "scale": {"zero": False}},
            "x2": {"field": "high"},
        },
    }
    points = {
        "mark": {"type": "point", "filled": True, "size": 60, "color": _BLUE},
        "encoding": {
            "y": y,
            "x": {"field": "value", "type": "quantitative"},
            "tooltip": [{"field": name, "format": ".4f"} for name in ("value", "low", "high")],
        },
    }
    return specification(list(rows), [rules, points], height={"step": 26})


def specification(rows: list[dict[str, Any]] | list[Mapping[str, Any]], layers: list[Any], **more: Any) -> str:
    """Return a Vega-Lite document as JSON that can stand inside a script element."""
    document = {
        "$schema": _SCHEMA,
        "width": "container",
        "height": 200,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": rows},
        "layer": layers,
        **more,
    }
    return json.dumps(document).replace("<", "\\u003c")
