"""Which registered dataset a person means by a name or the first digits of a digest; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clearance.errors import InvalidInput
from clearance.registry.model import Dataset

FEWEST_DIGITS = 8
_SHOWN = 10
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PREFIX = re.compile(rf"(?:sha256:)?([0-9a-f]{{{FEWEST_DIGITS},64}})")


def is_digest(given: str) -> bool:
    """Whether this is a whole digest, `sha256:` and 64 digits."""
    return _DIGEST.fullmatch(given) is not None


def choose(given: str, datasets: Sequence[Dataset]) -> Dataset:
    """Return the one dataset that has this name, or whose digest begins with these digits.

    Raises:
        InvalidInput: none does (`dataset_unknown`), or more than one (`dataset_ambiguous`); the candidates are listed.
    """
    prefix = _PREFIX.fullmatch(given)
    start = f"sha256:{prefix[1]}" if prefix else None
    found = [each for each in datasets if each.name == given or (start and each.digest.startswith(start))]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InvalidInput(
            f"{given!r} is no file, no registered dataset's name, and not the first {FEWEST_DIGITS} or more digits of one's "
            "digest",
            code="dataset_unknown",
            hint=f"registered are\n{_list(datasets)}"
            if datasets
            else "name a file; nothing is registered yet: `clearance datasets register FILE --name NAME`",
            details=_details(datasets),
        )
    raise InvalidInput(
        f"{given!r} may mean {len(found)} datasets",
        code="dataset_ambiguous",
        hint=f"name one by its digest\n{_list(found)}",
        details=_details(found),
    )


def _list(datasets: Sequence[Dataset]) -> str:
    lines = [
        f"{each.digest}  {each.name}, {each.rows:,} rows, {each.created_at:%Y-%m-%d}" for each in datasets[:_SHOWN]
    ]
    more = len(datasets) - _SHOWN
    return "\n".join([*lines, f"and {more} more: `clearance datasets list`"] if more > 0 else lines)


def _details(datasets: Sequence[Dataset]) -> dict[str, object]:
    return {"candidates": [{"digest": each.digest, "name": each.name} for each in datasets[:_SHOWN]]}
