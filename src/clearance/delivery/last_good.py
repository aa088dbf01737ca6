"""Which versions a rollback may go back to, in what order; pure."""

from __future__ import annotations

from collections.abc import Sequence

from clearance.delivery.model import Move, MoveKind
from clearance.registry.contract import ModelContract
from clearance.registry.model import Version


def earlier(moves: Sequence[Move], current: int) -> tuple[int, ...]:
    """Return the versions that served before, newest first, without those that were rolled back from and not promoted since.

    Args:
        moves: of one pointer, newest first.
        current: the version that serves now.
    """
    found: dict[int, bool] = {current: False}
    for move in moves:
        found.setdefault(move.to_number, True)
        if move.kind is MoveKind.ROLLBACK and move.from_number is not None:
            found.setdefault(move.from_number, False)
    return tuple(number for number, good in found.items() if good)


def given_up(moves: Sequence[Move], current: int) -> tuple[int, ...]:
    """Return the versions that were rolled back from and not promoted since: those that `earlier` leaves out. Args as there."""
    known = {*earlier(moves, current), current}
    seen = dict.fromkeys(
        number for move in moves for number in (move.to_number, move.from_number) if number is not None
    )
    return tuple(number for number in seen if number not in known)


def unfit(version: Version, today: ModelContract | None) -> str:
    """Return why requests of today can't be answered by the version, or an empty text.

    Args:
        version: to go back to.
        today: contract of the version that serves now: what callers send.
    """
    then = version.contract.inputs if version.contract else None
    now = today.inputs if today else None
    if then == now:
        return ""
    differing = sorted({field.name for field in set(then or ()) ^ set(now or ())})
    names = ", ".join(differing) or "their order"
    return f"its inputs are not those of today: {names}"
