"""Draws charts as SVG that can stand inside a page: the same specifications as the console's, with no browser."""

from __future__ import annotations

from typing import Any

from clearance.compliance.charts import Spec

_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {"titleFontWeight": 500, "gridColor": "#d8dee4", "domainColor": "#8b949e", "tickColor": "#8b949e"},
}


def svg(spec: Spec, *, width: int = 680, height: int | None = None) -> str:
    """Return a chart as an SVG element; width and height are in pixels, the height the specification's own by default."""
    import vl_convert

    sized = spec | {"width": width, "config": _CONFIG} | ({} if height is None else {"height": height})
    drawn: str = vl_convert.vegalite_to_svg(sized, allowed_base_urls=[])
    return drawn
