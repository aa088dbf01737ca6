"""From an estimate to a figure of a check, and from a figure to a text for people; pure."""

from __future__ import annotations

from collections.abc import Mapping

from clearance.checks.model import Figure
from clearance.statistics.intervals import Estimate

_LARGE = 1000


def figure_of(name: str, estimate: Estimate, *, slice: Mapping[str, str] | None = None, unit: str = "") -> Figure:  # noqa: A002
    """Return the figure that an estimate gives."""
    return Figure(name=name, value=estimate.figure, low=estimate.low, high=estimate.high, slice=slice, unit=unit)


def shown(figure: Figure) -> str:
    """Return a figure for people: `0.193 (0.181 to 0.205)`."""
    if figure.value is None:
        return "not measured"
    text = f"{_digits(figure.value)}{figure.unit and ' ' + figure.unit}"
    if figure.low is None or figure.high is None:
        return text
    return f"{text} ({_digits(figure.low)} to {_digits(figure.high)})"


def _digits(number: float) -> str:
    """Return three significant digits, and of a large number all that stand before its point: `15,000`, not `1.5e+04`."""
    return f"{number:,.0f}" if abs(number) >= _LARGE else f"{number:.3g}"
