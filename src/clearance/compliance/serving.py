"""What serves, as every answer of this room has it: what the pointers ask for, what nobody stopped, what no gateway refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clearance.audit import log
from clearance.audit.events import Event
from clearance.compliance import leaves, timeline
from clearance.compliance.served import Refused
from clearance.delivery import service as delivery
from clearance.delivery.model import Pointer, Serving
from clearance.policy import service as policy
from clearance.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class RefusedNow:
    """What gateways would not load of what pointers ask for now, by model, environment and version."""

    found: Mapping[tuple[str, str, int], Refused]

    def of(self, model: str, environment: str, number: int) -> Refused | None:
        """Return the refusal of a version, None where the log tells of none that holds."""
        return self.found.get((model, environment, number))

    def instead_of(self, model: str, environment: str, number: int) -> tuple[tuple[int, Refused], ...]:
        """Return the refused versions in whose place a version went on answering."""
        return tuple(
            (refused, each)
            for (of, where, refused), each in self.found.items()
            if (of, where, each.instead) == (model, environment, number) and refused != number
        )


def of_model(tx: Transaction, model: str) -> tuple[Serving, ...]:
    """Return what is asked for of a model, by environment, and how it stands.

    Raises:
        NotFound: no such model.
    """
    return delivery.judged(tx, policy, delivery.list_pointers(tx, model))


def everywhere(tx: Transaction) -> tuple[Serving, ...]:
    """Return what is asked for in every environment, in the order of promotion, and how it stands."""
    return delivery.judged(tx, policy, delivery.all_pointers(tx))


def refused(tx: Transaction, pointers: Iterable[Pointer]) -> RefusedNow:
    """Return what gateways would not load of what some pointers ask for now, as the history tells it.

    A model's leaves are read only where one tells that a version was refused which is asked for now.
    """
    ever = log.subjects(tx, Event.LOAD_REFUSED)
    found: dict[tuple[str, str, int], Refused] = {}
    for pointer in pointers:
        if ever.isdisjoint({f"model/{pointer.model}/{number}" for number in (pointer.stable, pointer.candidate)}):
            continue
        for arm in timeline.replay(leaves.of_timeline(tx, pointer.model), pointer.environment, tx.now).arms:
            if arm.refused is not None:
                found[pointer.model, pointer.environment, arm.number] = arm.refused
    return RefusedNow(found)
