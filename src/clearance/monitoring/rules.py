"""The numbers a monitor judges by: the configuration's, else those of `defaults.yaml`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import Any

from clearance.errors import InvalidInput
from clearance.monitoring import windows
from clearance.monitoring.model import MonitorConfig, Rules
from clearance.values import sha256


@cache
def _document() -> tuple[Mapping[str, Any], str]:
    import yaml

    text = (resources.files("clearance.monitoring") / "defaults.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found, f"defaults {found['version']} {sha256(text.encode())}"


def defaults_name() -> str:
    """Return the version and digest of the defaults."""
    return _document()[1]


def rules(config: MonitorConfig) -> Rules:
    """Return the rules of a configuration.

    Raises:
        InvalidInput: a number out of its range, or a window that is none.
    """
    document = _document()[0]
    given = {field.name: getattr(config, field.name) for field in fields(Rules)}
    made = Rules(**{name: document[name]["value"] if found is None else found for name, found in given.items()})
    windows.length(made.window)
    _between("false_alarm_rate", made.false_alarm_rate, 1e-9, 0.5)
    for name in ("psi_floor", "ks_floor", "null_floor", "quality_drop"):
        _between(name, getattr(made, name), 0, 100)
    for name in ("minimum_events", "minimum_labels"):
        _between(name, getattr(made, name), 1, 2**31)
    _between("label_maturity_days", made.label_maturity_days, 0, 3660)
    return made


def _between(name: str, found: float, low: float, high: float) -> None:
    if not low <= found <= high:
        raise InvalidInput(
            f"{name} is {found:g}",
            code="bad_monitor",
            hint=f"it must be from {low:g} to {high:g}; leave it out for the default",
        )
