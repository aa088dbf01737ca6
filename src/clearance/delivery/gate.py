"""The gate of delivery: policy, with the parts it needs."""

from __future__ import annotations

from collections.abc import Sequence

from clearance.access.model import Principal
from clearance.evidence.keyring import Keyring
from clearance.policy import service as policy
from clearance.policy.engine import Engine
from clearance.policy.model import Admission, Decision
from clearance.storage.database import Transaction


class PolicyGate:
    """Decides by the packs of the installation, and signs what was decided."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        self._keyring = keyring

    def decide(self, tx: Transaction, caller: Principal, model: str, number: int, environment: str) -> Decision:
        """Make and store a decision."""
        return policy.decide(tx, caller, self._engine, self._keyring, model, number, environment)

    def decision(self, tx: Transaction, decision_id: str) -> Decision:
        """Return a stored decision."""
        return policy.get_decision(tx, decision_id)

    def look_up(self, tx: Transaction, versions: Sequence[tuple[str, int]], environment: str) -> None:
        """Read at once what `admission` will be asked about."""
        policy.look_up(tx, versions, environment)

    def admission(self, tx: Transaction, model: str, number: int, environment: str) -> Admission:
        """Say whether the decision that stands admits the version and still holds."""
        return policy.admission(tx, model, number, environment)
