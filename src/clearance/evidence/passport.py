"""The passport: everything known about a version in one file that proves itself; its shape, pure.

    {"format": …, "body": {…}, "log": {"verifier", "checkpoint", "leaves": [{"index", "leaf", "path"}, …]}}

The digest of the body is itself a leaf of the log (`passport.exported`), so no part of it can be changed unseen; the other
leaves show that version, signature, statements, keys and decision were each recorded when the body says. `passport_check`
verifies all of it with no server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from clearance.audit.events import Event
from clearance.audit.model import Entry, InclusionProof
from clearance.evidence.model import ArtifactSignature, StoredStatement, TrustedKey
from clearance.registry.model import Version
from clearance.values import digest_of, plain

FORMAT = "https://clearance.dev/passport/v1"


def body(
    *,
    version: Version,
    keys: Sequence[TrustedKey],
    signature: ArtifactSignature | None,
    statements: Sequence[StoredStatement],
    decision: Mapping[str, Any] | None,
    lapsed: str,
    at: datetime,
    by: str,
) -> dict[str, Any]:
    """Return what a passport says, as JSON values.

    Args:
        version: what it is about, with its manifest and provenance.
        keys: every key that signed something in it.
        signature, statements: the evidence that counts.
        decision: the newest decision, as JSON; None before the first.
        lapsed: why a decision that allowed holds no more; empty while it does.
        at, by: when it is exported, and by whom.
    """
    return {
        "model": version.model,
        "number": version.number,
        "exported_at": plain(at),
        "exported_by": by,
        "version": plain(version),
        "keys": [plain(key) for key in keys],
        "signature": plain(signature),
        "statements": [plain(statement) for statement in statements],
        "decision": plain(decision),
        "lapsed": lapsed,
    }


def seal(found: Mapping[str, Any]) -> str:
    """Return the digest of a body: what the log records of it."""
    return digest_of(found)


def resting_on(found: Mapping[str, Any]) -> Callable[[Entry], bool]:
    """Return what tells whether an entry of the log is one that a body rests on."""
    wanted: dict[str, tuple[str | None, frozenset[str]]] = {
        Event.VERSION_REGISTERED: (None, frozenset((f"model/{found['model']}/{found['number']}",))),
        Event.KEY_TRUSTED: (None, frozenset(f"key/{key['key_id']}" for key in found["keys"])),
        Event.ARTIFACT_SIGNED: ("signature", frozenset(((found["signature"] or {}).get("id", ""),))),
        Event.STATEMENT_ADDED: ("statement", frozenset(each["id"] for each in found["statements"])),
        Event.DECISION_MADE: ("decision", frozenset(((found["decision"] or {}).get("id", ""),))),
        Event.PASSPORT_EXPORTED: ("digest", frozenset((seal(found),))),
    }

    def needs(entry: Entry) -> bool:
        fact, names = wanted.get(entry.event, (None, frozenset()))
        return (entry.subject if fact is None else entry.data.get(fact)) in names

    return needs


def assemble(found: Mapping[str, Any], verifier: str, proofs: Sequence[InclusionProof]) -> dict[str, Any]:
    """Return the passport: a body with the proofs of its leaves, all against one checkpoint.

    Args:
        found: the body.
        verifier: the log's verifier string.
        proofs: at least one, of one and the same checkpoint.
    """
    return {
        "format": FORMAT,
        "body": dict(found),
        "log": {
            "verifier": verifier,
            "checkpoint": proofs[0].checkpoint,
            "leaves": [{"index": each.index, "leaf": each.leaf, "path": list(each.path)} for each in proofs],
        },
    }
