"""A report as one HTML page that needs nothing else: style and charts inside, no script, fit for paper."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import clearance
from clearance.audit.events import Event
from clearance.compliance import charts, measured, wording
from clearance.compliance.drawing import svg
from clearance.compliance.model import Report
from clearance.registry.stopped import STATUS_EVENTS

_FOLDER = Path(__file__).parent / "templates"


def html(report: Report) -> str:
    """Return the page."""
    seen = report.production
    drift = charts.drift(seen.drift) if seen else None
    auc = charts.quality(seen.auc, "AUC") if seen else None
    panels = measured.panels(report.checks, report.decision)
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            model=report.model,
            version=report.version,
            decision=report.decision,
            leaves=report.leaves,
            event=Event,
            status_events=STATUS_EVENTS,
            seen=seen,
            program=clearance.__version__,
            drift_chart=svg(drift, height=200) if drift else None,
            auc_chart=svg(auc, height=180) if auc else None,
            panels=[(panel, svg(panel.spec, width=560)) for panel in panels],
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= wording.FILTERS
    return made
