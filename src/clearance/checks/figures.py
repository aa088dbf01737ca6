"""From an estimate to a figure of a check, and from a figure to a text for people; pure."""

from __future__ import annotations

from collections.abc import Mapping

from clearance.checks.model import Figure
from clearance.statistics.intervals import Estimate


def figure_of(name: str, estimate: Estimate, *, slice: Mapping[str, str] | None = None, unit: str = "") -> Figure:  # noqa: A002
    """Return the figure that an estimate gives."""
    return Figure(name=name, value=estimate.figure, low=estimate.low, high=estimate.high, slice=slice, unit=unit)


def shown(figure: Figure) -> str:
    """Return a figure for people: `0.193 (0.181 to 0.205)`."""
    if figure.value is None:
        return "not measured"
    text = f"{figure.value:.3g}{figure.unit and ' ' + figure.unit}"
    return text if figure.low is None or figure.high is None else f"{text} ({figure.low:.3g} to {figure.high:.3g})"
