"""Client of evidence: artifact signatures, statements, trusted keys, passports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clearance.client.http import Http
from clearance.client.routes import route
from clearance.evidence.dsse import Envelope
from clearance.evidence.model import ArtifactSignature, NewKey, NewSignature, StoredStatement, TrustedKey
from clearance.evidence.predicates import Purpose


class Evidence:
    """What is known about versions, and whose word counts."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def sign(self, model: str, number: int) -> ArtifactSignature:
        """Have the server sign a version's files and provenance with its own key."""
        return self._http.post(f"{_at(model, number)}/signature", ArtifactSignature, NewSignature())

    def add_signature(self, model: str, number: int, bundle: str) -> ArtifactSignature:
        """Keep the text of a bundle that `model_signing sign key` made over the version's files."""
        return self._http.post(f"{_at(model, number)}/signature", ArtifactSignature, NewSignature(bundle=bundle))

    def signature(self, model: str, number: int) -> ArtifactSignature:
        """Return the newest signature over a version's files by a trusted key."""
        return self._http.get(f"{_at(model, number)}/signature", ArtifactSignature)

    def add(self, model: str, number: int, envelope: Envelope) -> StoredStatement:
        """Keep a statement about a version, in its envelope."""
        return self._http.post(f"{_at(model, number)}/statements", StoredStatement, envelope)

    def statements(self, model: str, number: int, predicate_type: str | None = None) -> Iterator[StoredStatement]:
        """Yield the statements about a version, oldest first; those whose `revoked_at` is set count for nothing."""
        return self._http.pages(f"{_at(model, number)}/statements", StoredStatement, predicate_type=predicate_type)

    def passport(self, model: str, number: int, environment: str = "production") -> dict[str, Any]:
        """Return a version's passport with the newest decision on an environment.

        `clearance.evidence.passport_check.verify` checks it with no server.
        """
        return self._http.get(f"{_at(model, number)}/passport", dict[str, Any], environment=environment)

    def trusted(self) -> Iterator[TrustedKey]:
        """Yield every key whose signatures count or counted, oldest first."""
        return self._http.pages("/keys", TrustedKey)

    def trust(self, name: str, pem: str, purposes: Sequence[Purpose]) -> TrustedKey:
        """Let a public key's signatures count from now on, for the purposes named."""
        return self._http.post("/keys", TrustedKey, NewKey(name=name, pem=pem, purposes=tuple(purposes)))

    def revoke(self, key_id: str, reason: str) -> TrustedKey:
        """Let nothing that a key signed count any more."""
        return self._http.delete(route("/keys/{}", key_id), TrustedKey, reason=reason)


def _at(model: str, number: int) -> str:
    return route("/models/{}/versions/{}", model, number)
