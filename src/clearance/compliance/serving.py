"""What serves, as every answer of this room has it: what the pointers ask for, and of that what nobody stopped."""

from __future__ import annotations

from clearance.delivery import service as delivery
from clearance.delivery.model import Serving
from clearance.policy import service as policy
from clearance.storage.database import Transaction


def of_model(tx: Transaction, model: str) -> tuple[Serving, ...]:
    """Return what is asked for of a model, by environment, and how it stands.

    Raises:
        NotFound: no such model.
    """
    return delivery.judged(tx, policy, delivery.list_pointers(tx, model))


def everywhere(tx: Transaction) -> tuple[Serving, ...]:
    """Return what is asked for in every environment, in the order of promotion, and how it stands."""
    return delivery.judged(tx, policy, delivery.all_pointers(tx))
