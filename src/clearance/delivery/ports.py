"""What delivery is given: the gate that decides who may serve, the lake it observes, and where alarms go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from clearance.access.model import Principal
from clearance.alarm import Alarm
from clearance.policy.model import Admission, Decision
from clearance.storage.database import Transaction

if TYPE_CHECKING:
    import pyarrow as pa


class Admissions(Protocol):
    """Says how versions stand now: a gate, or policy itself."""

    def look_up(self, tx: Transaction, versions: Sequence[tuple[str, int]], environment: str) -> None:
        """Read at once what `admission` will be asked about."""
        ...

    def admission(self, tx: Transaction, model: str, number: int, environment: str) -> Admission:
        """Say whether a decision that still holds admits the version."""
        ...


class Gate(Admissions, Protocol):
    """Decides whether a version may serve; policy, with the parts it needs, closed over by the composition root."""

    def decide(self, tx: Transaction, caller: Principal, model: str, number: int, environment: str) -> Decision:
        """Make and store a decision."""
        ...

    def decision(self, tx: Transaction, decision_id: str) -> Decision:
        """Return a stored decision."""
        ...


class Events(Protocol):
    """The part of the lake that analysis reads."""

    def table_versions(self) -> dict[str, int]: ...

    def joined(
        self,
        model: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        environment: str | None = None,
        table_version: Mapping[str, int] | None = None,
    ) -> pa.Table: ...


RaiseAlarm = Callable[[Transaction, Principal, Alarm], object]
"""Turns an alarm into an alert, in the same transaction."""
