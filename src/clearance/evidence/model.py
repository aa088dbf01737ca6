"""Values of the room: trusted keys, stored statements, artifact signatures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clearance.evidence.dsse import Envelope
from clearance.evidence.predicates import Purpose
from clearance.values import request, value


@value
class TrustedKey:
    """A public key whose signatures count, for the purposes named, until it is revoked.

    `key_id` is the SHA-256 of the DER SubjectPublicKeyInfo in hex.
    """

    key_id: str
    name: str
    pem: str
    purposes: tuple[Purpose, ...]
    trusted_at: datetime
    trusted_by: str
    revoked_at: datetime | None = None
    revoked_reason: str = ""


@request
class NewKey:
    """A public key (PEM) to trust, under a name to read, for some purposes."""

    name: str
    pem: str
    purposes: tuple[Purpose, ...]


@value
class StoredStatement:
    """A statement about a version, with the envelope that proves it; `digest` names the envelope.

    `revoked_at` is when its signer's key was revoked: from then on the statement counts for nothing.
    """

    id: str
    model: str
    number: int
    predicate_type: str
    predicate: Mapping[str, Any]
    signer: str
    signer_name: str
    added_at: datetime
    added_by: str
    envelope: Envelope
    digest: str
    revoked_at: datetime | None = None


@value
class ArtifactSignature:
    """A signature over a version's files; `bundle` is the text of the Sigstore bundle that `model_signing` reads.

    `digest` is the SHA-256 of that text.
    """

    id: str
    model: str
    number: int
    signer: str
    signer_name: str
    bundle: str
    digest: str
    added_at: datetime
    added_by: str
    revoked_at: datetime | None = None


@request
class NewSignature:
    """The text of a bundle made elsewhere with `model_signing sign key`; empty: sign here with the own key."""

    bundle: str = ""
