"""What a passport claims, claim by claim, each checked against keys, digests and proven leaves of the log; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.errors import VerificationFailed
from clearance.evidence import dsse, keys, oms, passport, predicates, statement
from clearance.evidence.keys import PublicKey
from clearance.evidence.predicates import Purpose
from clearance.evidence.vsa import level_of
from clearance.registry.model import File, Manifest
from clearance.values import digest_of, sha256, timestamp, value


@value
class Pins:
    """What the verifier knows from elsewhere: the log's verifier string, and the ids of keys that may have signed."""

    log: str | None = None
    keys: tuple[str, ...] = ()


class Absent(Exception):
    """There is nothing to check here; the text says why."""


@dataclass(frozen=True)
class Context:
    """A passport whose log proofs hold: its body, and the entries that are proven to be in the log."""

    body: Mapping[str, Any]
    entries: tuple[Entry, ...]
    pins: Pins

    @property
    def subject(self) -> str:
        return f"model/{self.body['model']}/{self.body['number']}"

    def entry(self, event: Event, subject: str, **data: Any) -> Entry:
        """Return the proven entry of this event whose data has all of these facts."""
        for entry, facts in self._by_subject.get((event, subject), ()):
            if data.items() <= facts.items():
                return entry
        raise VerificationFailed(f"no leaf of the log says {event} of {subject} as it is here", code="leaf_missing")

    @cached_property
    def _by_subject(self) -> Mapping[tuple[str, str], Sequence[tuple[Entry, Mapping[str, Any]]]]:
        """The entries with those of their facts that can be compared by themselves, by event and subject."""
        found: dict[tuple[str, str], list[tuple[Entry, Mapping[str, Any]]]] = {}
        for entry in self.entries:
            facts = {name: fact for name, fact in entry.data.items() if isinstance(fact, str | int | float | bool)}
            found.setdefault((entry.event, entry.subject), []).append((entry, facts))
        return found

    def trusted(self, purpose: Purpose) -> dict[str, PublicKey]:
        """Return the keys of the passport that may sign for this purpose, by id."""
        return {
            key["key_id"]: keys.parse_public(key["pem"])
            for key in self.body["keys"]
            if purpose in key["purposes"] and key["revoked_at"] is None
        }


def signers(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the keys that signed something in a body."""
    signed = [*body["statements"], *([body["signature"]] if body["signature"] else [])]
    return tuple(sorted({each["signer"] for each in signed}))


def _sealed(context: Context) -> str:
    body = context.body
    entry = context.entry(Event.PASSPORT_EXPORTED, context.subject, digest=passport.seal(body))
    _same("exported_by", body["exported_by"], entry.actor)
    _same("exported_at", body["exported_at"], timestamp(entry.at))
    return f"leaf {entry.index}: exported by {entry.actor} at {timestamp(entry.at)}"


def _keys_known(context: Context) -> str:
    for key in context.body["keys"]:
        _same("key_id", key["key_id"], keys.key_id(keys.parse_public(key["pem"])))
        entry = context.entry(Event.KEY_TRUSTED, f"key/{key['key_id']}")
        _same("the purposes of a key", key["purposes"], entry.data["purposes"])
        _same("the name of a key", key["name"], entry.data["name"])
        if key["revoked_at"] is not None:
            raise VerificationFailed(f"the key {key['name']} was revoked", code="key_revoked")
    if not context.body["keys"]:
        raise Absent("nothing in it is signed yet")
    return "; ".join(f"{key['name']} {key['key_id'][:16]}…" for key in context.body["keys"])


def _identity(context: Context) -> str:
    version = context.body["version"]
    _same("model", (version["model"], version["number"]), (context.body["model"], context.body["number"]))
    files = tuple(File(**file) for file in version["files"])
    _same("the digest of the files", Manifest(files=files).digest, version["digest"])
    _same("size", sum(file.size for file in files), version["size"])
    entry = context.entry(
        Event.VERSION_REGISTERED,
        context.subject,
        digest=version["digest"],
        contract=digest_of(version["contract"]),
        provenance=digest_of(version["provenance"]),
    )
    _same("created_by", version["created_by"], entry.actor)
    _same("created_at", version["created_at"], timestamp(entry.at))
    return f"leaf {entry.index}: {_files(len(files))}, {version['digest'][:23]}…"


def _artifact(context: Context) -> str:
    signature, version = context.body["signature"], context.body["version"]
    if signature is None:
        raise Absent("the files are not signed")
    files = {file["path"]: file["sha256"] for file in version["files"]}
    signer = oms.verify(signature["bundle"], context.trusted(Purpose.ARTIFACT), files)
    _same("signer", signature["signer"], signer)
    _same("the digest of the signature", signature["digest"], sha256(signature["bundle"].encode()))
    entry = context.entry(
        Event.ARTIFACT_SIGNED,
        context.subject,
        signature=signature["id"],
        digest=signature["digest"],
        artifact=version["digest"],
        signer=signer,
    )
    return f"leaf {entry.index}: signed by {signature['signer_name']}, covers exactly the {_files(len(files))}"


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"


def _statements(context: Context) -> str:
    found = context.body["statements"]
    if not found:
        raise Absent("no statement was made about it")
    for each in found:
        _statement(context, each)
    return f"{len(found)} statements, each signed by a key trusted for it and recorded in the log"


def _statement(context: Context, found: Mapping[str, Any]) -> None:
    envelope = dsse.from_json(found["envelope"])
    _same("the digest of a statement", found["digest"], dsse.digest(envelope))
    _same("the payload type", envelope.payloadType, dsse.PAYLOAD_TYPE)
    verified = dsse.verify(envelope, context.trusted(predicates.purpose_of(found["predicate_type"])))
    _same("signer", found["signer"], verified.key_id)
    claim = statement.decode(verified.payload)
    _same("the predicate type", found["predicate_type"], claim.predicate_type)
    _same("the predicate", digest_of(found["predicate"]), digest_of(claim.predicate))
    predicates.validate(claim.predicate_type, claim.predicate)
    if not statement.is_about(claim, context.body["version"]["digest"]):
        raise VerificationFailed(f"the statement {found['id']} is about something else", code="wrong_subject")
    context.entry(
        Event.STATEMENT_ADDED,
        context.subject,
        statement=found["id"],
        digest=found["digest"],
        predicate_type=found["predicate_type"],
        signer=found["signer"],
    )


def _decision(context: Context) -> str:
    decision = context.body["decision"]
    if decision is None:
        raise Absent("nothing was decided about it")
    version = context.body["version"]
    _same("what was decided on", decision["digest"], version["digest"])
    _same("the version decided on", (decision["model"], decision["number"]), (version["model"], version["number"]))
    _same("the digest of the facts", decision["facts_digest"], digest_of(decision["facts"]))
    entry = context.entry(
        Event.DECISION_MADE,
        context.subject,
        decision=decision["id"],
        outcome=decision["outcome"],
        environment=decision["environment"],
        facts=decision["facts_digest"],
        pack=decision["pack_digest"],
    )
    _same("made_at", decision["made_at"], timestamp(entry.at))
    _same("made_by", decision["made_by"], entry.actor)
    return f"leaf {entry.index}: {decision['outcome']} for {decision['environment']} by {entry.actor}"


def _summary(context: Context) -> str:
    decision = context.body["decision"]
    if decision is None:
        raise Absent("nothing was decided about it")
    envelope = dsse.from_json(decision["vsa"])
    claim = statement.decode(dsse.verify(envelope, context.trusted(Purpose.DECISION)).payload)
    known = {each["digest"] for each in context.body["statements"]}
    if claim.predicate_type != predicates.VSA or dsse.digest(envelope) not in known:
        raise VerificationFailed("the decision's summary is not among the statements", code="summary_missing")
    found, passed = claim.predicate, decision["outcome"] == "allowed"
    _same("the result", found["verificationResult"], "PASSED" if passed else "FAILED")
    _same("the levels", found["verifiedLevels"], [level_of(decision["environment"])] if passed else ["FAILED"])
    _same("timeVerified", found["timeVerified"], decision["made_at"])
    _same("the resource", found["resourceUri"], predicates.resource_uri(decision["model"], decision["number"]))
    _same("the policy", f"sha256:{found['policy']['digest']['sha256']}", decision["pack_digest"])
    inputs = {f"sha256:{each['digest']['sha256']}" for each in found.get("inputAttestations", [])}
    if lost := sorted(inputs - known):
        raise VerificationFailed(f"the decision rests on {lost[0]}, which is not here", code="evidence_missing")
    return f"{found['verificationResult']}, resting on {len(inputs)} of the statements"


def _trust(context: Context) -> str:
    pins = context.pins
    if pins.keys and (strangers := [key_id for key_id in signers(context.body) if key_id not in pins.keys]):
        raise VerificationFailed(f"{strangers[0]} signed, and is not a pinned key", code="key_not_pinned")
    if pins.log is None:
        raise Absent("the log is not pinned: this shows only that the passport agrees with itself")
    return "the log is the pinned one" + (
        f", and the signers are among {len(pins.keys)} pinned keys" if pins.keys else ""
    )


CHECKS: dict[str, Callable[[Context], str]] = {
    "seal": _sealed,
    "version": _identity,
    "keys": _keys_known,
    "artifact signature": _artifact,
    "statements": _statements,
    "decision": _decision,
    "decision summary": _summary,
    "trust": _trust,
}
"""Every check of a body, in the order of its report."""


def _same(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise VerificationFailed(f"{what} does not agree: {found!r} is not {expected!r}", code="passport_inconsistent")
