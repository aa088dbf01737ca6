"""What a label may hold; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clearance.sdk.events import Fault, Rules, first_broken, model_fault, number_fault, text_fault, time_fault, whole

_RULES: Rules = (
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
    if (broken := first_broken(_RULES, label)) is not None:
        return broken
    if not label.keys() <= _KNOWN:
        return Fault(min(map(str, label.keys() - _KNOWN)), "is not a field of a label")
    return None
