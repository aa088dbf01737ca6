"""The colours of the console can be told apart: WCAG 2.2, success criterion 1.4.3, in light and in dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import clearance

STYLE = (Path(clearance.__file__).parent / "web" / "static" / "style.css").read_text(encoding="utf-8")
LIGHT, DARK = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in STYLE.split("@media")[:2])
SCHEMES = {"light": LIGHT, "dark": {**LIGHT, **DARK}}
PAIRS = [
    ("ink", "paper"),
    ("ink", "card"),
    ("soft", "paper"),
    ("soft", "card"),
    ("link", "paper"),
    ("link", "card"),
    ("bar-ink", "bar"),
    *((tone, f"{tone}-bg") for tone in ("good", "bad", "warn", "calm")),
]


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2, definitions)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_is_told_apart_from_its_ground(scheme: str, text: str, ground: str) -> None:
    colours = SCHEMES[scheme]
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_white_of_the_main_button_is_told_apart_from_it(scheme: str) -> None:
    assert "button.main, a.button.main { background: var(--press)" in STYLE
    assert contrast("#ffffff", SCHEMES[scheme]["press"]) >= 4.5
