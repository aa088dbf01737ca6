"""What a label may hold; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clearance.sdk.events import Fault, model_fault, number_fault, text_fault, time_fault, whole

_RULES: tuple[tuple[str, Callable[[Any], str | None], bool], ...] = (
    ("model", model_fault, True),
    ("request_id", text_fault, True),
    ("row", whole(0, 2**31 - 1), False),
    ("label", number_fault, True),
    ("at", time_fault, False),
)
_KNOWN = frozenset(name for name, _, _ in _RULES)


def label_fault(label: Any) -> Fault | None:
    """Return the first thing that is wrong with a label as it was sent, or None."""
    if not isinstance(label, Mapping):
        return Fault("label", "is not a map of fields")
    for name, check, mandatory in _RULES:
        found = label.get(name)
        if found is not None:
            if message := check(found):
                return Fault(name, message)
        elif mandatory:
            return Fault(name, "is missing, and it is mandatory")
    if not label.keys() <= _KNOWN:
        return Fault(min(map(str, label.keys() - _KNOWN)), "is not a field of a label")
    return None
