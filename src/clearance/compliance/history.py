"""Use case of history: what served when, from the audit log; every leaf proven, and held against the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from clearance.audit import checkpoint, log, proofs
from clearance.audit.checkpoint import Verifier
from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.audit.store import latest_checkpoint
from clearance.compliance import leaves as read
from clearance.compliance import timeline
from clearance.compliance.model import Leaves
from clearance.compliance.served import (
    ApprovalGiven,
    EvidenceUsed,
    Grounds,
    History,
    Interval,
    WaiverUsed,
)
from clearance.compliance.timeline import Replayed
from clearance.delivery import service as delivery
from clearance.delivery.promotion import check_environment
from clearance.errors import ClearanceError, InvalidInput, NotFound
from clearance.policy import service as policy
from clearance.policy.model import Conclusion, Decision, Standing
from clearance.registry import service as registry
from clearance.registry.model import VersionStatus
from clearance.storage.database import Transaction
from clearance.values import digest_of

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_GROUNDS_EVENTS = (Event.APPROVAL_GIVEN, Event.STATEMENT_ADDED)


def history(
    tx: Transaction, verifier: Verifier, model: str, environment: str = "production", at: str | None = None
) -> History:
    """Return what served a model in an environment: at a moment, on a day, or ever.

    Args:
        verifier: the log's own key.
        at: a date (`2026-03-01`: every version that got traffic in that day, UTC), a time with its zone
            (`2026-03-01T12:00:00Z`), or None: the whole timeline.

    Raises:
        NotFound: no such model.
        InvalidInput: no such environment; neither date nor time (`bad_time`), or one in the future (`future`).
    """
    registry.get_model(tx, model)
    check_environment(environment)
    since, until = _asked(at, tx.now)
    leaves = Leaves(tuple(read.of_timeline(tx, model, _GROUNDS_EVENTS)))
    replayed = timeline.replay(leaves.entries, environment, tx.now)
    shown = tuple(each for each in replayed.intervals if _touches(each, since, until))
    problems = [*_against_pointer(tx, model, environment, replayed), *_against_moves(tx, model, environment, leaves)]
    problems += _against_statuses(tx, model, environment, replayed)
    grounds: list[Grounds] = []
    for decision_id in dict.fromkeys(arm.decision for interval in shown for arm in interval.arms):
        try:
            decision = policy.get_decision(tx, decision_id)
        except NotFound:
            problems.append(f"the decision {decision_id} is in the log, but stored no more")
            continue
        found = _grounds(decision, leaves)
        grounds.append(found)
        problems += _against_decision(decision, found, leaves)
    named = _named(shown, grounds)
    problems += _unproven(tx, verifier, named, leaves)
    return History(
        model=model,
        environment=environment,
        since=since,
        until=until,
        as_of=tx.now,
        summary=_summary(model, environment, at, shown, replayed.intervals),
        intervals=shown,
        grounds=tuple(grounds),
        leaves=named,
        problems=tuple(problems),
        checkpoint=latest_checkpoint(tx) or "",
        verifier=verifier.text(),
    )


def _asked(at: str | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the time asked about: a moment twice, or the beginning of a day and of the next."""
    if at is None:
        return None, None
    text = at.strip()
    try:
        if _DATE.fullmatch(text):
            since = datetime.combine(date.fromisoformat(text), time(), UTC)
            until = since + timedelta(days=1)
        else:
            since = until = datetime.fromisoformat(text)
        if since.tzinfo is None:
            raise _bad_time(text, "has no zone")
        since, until = since.astimezone(UTC), until.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad_time(text, "is neither a date nor a time") from error
    if since > now:
        raise InvalidInput(
            f"{text} is in the future: the log knows what happened until {now:%Y-%m-%d %H:%M:%S} UTC",
            code="future",
            hint="leave the date out to see everything until now",
        )
    return since, until


def _bad_time(text: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{text[:80]!r} {why}",
        code="bad_time",
        hint="a day in UTC like 2026-03-01, or a moment with its zone like 2026-03-01T12:00:00Z",
    )


def _touches(interval: Interval, since: datetime | None, until: datetime | None) -> bool:
    if since is None or until is None:
        return True
    begun = interval.since <= since if since == until else interval.since < until
    return begun and (interval.until is None or since < interval.until)


def _grounds(decision: Decision, leaves: Leaves) -> Grounds:
    subject = f"model/{decision.model}/{decision.number}"
    facts = decision.facts
    return Grounds(
        decision=decision.id,
        number=decision.number,
        digest=decision.digest,
        leaf=_index(leaves.first(Event.DECISION_MADE, subject, decision=decision.id)),
        outcome=decision.outcome.value,
        reason=decision.reason,
        made_at=decision.made_at,
        made_by=decision.made_by,
        pack=decision.pack,
        pack_version=decision.pack_version,
        pack_digest=decision.pack_digest,
        facts_digest=decision.facts_digest,
        artifact_signer=facts.signer if facts.signature_valid else "",
        approvals=tuple(
            ApprovalGiven(
                voter=vote.voter,
                roles=vote.roles,
                comment=vote.comment,
                at=vote.at,
                leaf=_index(leaves.first(Event.APPROVAL_GIVEN, subject, at=vote.at, actor=vote.voter)),
            )
            for vote in facts.votes
            if vote.voter in decision.approvals and vote.approve
        ),
        approvals_needed=decision.approvals_needed,
        waivers=tuple(
            WaiverUsed(
                id=waiver.id,
                rule=waiver.rule,
                reason=waiver.reason,
                granted_by=waiver.granted_by,
                expires_at=waiver.expires_at,
                leaf=_index(leaves.first(Event.WAIVER_GRANTED, waiver=waiver.id)),
            )
            for waiver in facts.waivers
            if waiver.id in decision.waivers
        ),
        evidence=tuple(
            EvidenceUsed(
                check=name,
                verdict=check.verdict.value,
                statement=check.statement,
                signer=check.signer,
                leaf=_index(leaves.first(Event.STATEMENT_ADDED, subject, digest=check.statement)),
            )
            for name, check in facts.checks.items()
        ),
    )


def _index(entry: Entry | None) -> int | None:
    return None if entry is None else entry.index


def _against_pointer(tx: Transaction, model: str, environment: str, replayed: Replayed) -> Iterator[str]:
    pointer = next((each for each in delivery.list_pointers(tx, model) if each.environment == environment), None)
    stored = (pointer.stable, pointer.candidate, pointer.weight) if pointer else (None, None, 0.0)
    logged = (replayed.stable, replayed.candidate, replayed.weight)
    if stored != logged:
        yield f"by the log {_told(*logged)} in {environment} now, by the tables {_told(*stored)}"


def _told(stable: int | None, candidate: int | None, weight: float) -> str:
    beside = f" and version {candidate} with {weight:g}% of traffic" if candidate else ""
    return f"version {stable} serves{beside}" if stable else "nothing serves"


def _against_moves(tx: Transaction, model: str, environment: str, leaves: Leaves) -> Iterator[str]:
    stored = {
        (move.at, move.kind.value, move.from_number, move.to_number, move.decision_id, move.by)
        for move in delivery.history(tx, model, environment).items
    }
    logged = {
        (each.at, each.data["kind"], each.data["from"], each.data["to"], each.data["decision"], each.actor): each.index
        for each in leaves.entries
        if each.event == Event.POINTER_MOVED and each.data["environment"] == environment
    }
    for at, kind, _, to, _, _ in sorted(stored - set(logged), key=lambda move: move[0]):
        yield f"the tables have a {kind} to version {to} at {at:%Y-%m-%d %H:%M:%S} UTC that the log does not know"
    for move in sorted(set(logged) - stored, key=logged.__getitem__):
        yield f"the log has, in leaf {logged[move]}, a {move[1]} to version {move[3]} that the tables do not know"


def _against_statuses(tx: Transaction, model: str, environment: str, replayed: Replayed) -> Iterator[str]:
    for number in sorted({arm.number for interval in replayed.intervals for arm in interval.arms}):
        try:
            stored = registry.get_version(tx, model, number).status
        except NotFound:
            yield f"version {number} got traffic in {environment} by the log, but is registered no more"
            continue
        logged = replayed.statuses.get(number, VersionStatus.REGISTERED.value)
        if stored.value != logged:
            yield f"version {number} is {logged} by the log, and {stored.value} by the tables"


def _against_decision(decision: Decision, grounds: Grounds, leaves: Leaves) -> Iterator[str]:
    if grounds.leaf is None:
        yield f"the decision {decision.id} is stored, but the log does not know it"
        return
    said = leaves.by_index[grounds.leaf].data
    conclusion = Conclusion(**{name: getattr(decision, name) for name in Conclusion.__dataclass_fields__})
    now = {
        "outcome": decision.outcome.value,
        "pack": decision.pack_digest,
        "facts": digest_of(decision.facts),
        "conclusion": digest_of(conclusion),
        "environment": decision.environment,
    }
    if changed := [name for name, text in now.items() if said.get(name) != text]:
        yield f"the stored decision {decision.id} is not the one in leaf {grounds.leaf}: another {', '.join(changed)}"
    lost: Sequence[tuple[str, int | None]] = [
        *((f"the approval by {each.voter}", each.leaf) for each in grounds.approvals),
        *((f"the waiver {each.id}", each.leaf) for each in grounds.waivers),
        *((f"the {each.check} check {each.statement}", each.leaf) for each in grounds.evidence),
    ]
    for what, leaf in lost:
        if leaf is None:
            yield f"{what} that the decision {decision.id} stood on is not in the log"


def _named(intervals: Iterable[Interval], grounds: Iterable[Grounds]) -> tuple[int, ...]:
    """Return the leaves that the answer names."""
    found = {cause.leaf for each in intervals for cause in (each.began, each.ended) if cause}
    found |= {arm.moved.leaf for each in intervals for arm in each.arms}
    found |= {arm.refused.leaf for each in intervals for arm in each.arms if arm.refused}
    for ground in grounds:
        found |= {ground.leaf, *(each.leaf for each in ground.approvals), *(each.leaf for each in ground.waivers)}
        found |= {each.leaf for each in ground.evidence}
    return tuple(sorted(index for index in found if index is not None))


def _unproven(tx: Transaction, verifier: Verifier, named: Iterable[int], leaves: Leaves) -> Iterator[str]:
    prove, signed = log.prover(tx), None
    for index in named:
        try:
            proof = prove(index)
            signed = signed or checkpoint.verify(proof.checkpoint, verifier)
            proven = proofs.check_under(proof, signed)
        except ClearanceError as error:
            yield f"leaf {index} does not verify: {error.message}"
            continue
        if proven != leaves.by_index[index]:
            yield f"leaf {index} was read as something else than the checkpoint covers"


def _summary(model: str, environment: str, at: str | None, shown: Sequence[Interval], every: Sequence[Interval]) -> str:
    when = "" if at is None else f" at {at}" if "T" in at or " " in at.strip() else f" on {at}"
    if not every:
        return f"Nothing has ever served {model} in {environment}."
    if not shown:
        return (
            f"Nothing served {model} in {environment}{when}: version {every[0].arms[0].number} was the first, from "
            f"{every[0].since:%Y-%m-%d %H:%M:%S} UTC on."
        )
    served = dict.fromkeys(number for interval in shown for number in interval.answered)
    stopped = dict.fromkeys(
        arm.number
        for each in shown
        for arm in each.arms
        if arm.standing is Standing.STOPPED and arm.number not in served
    )
    named = ", ".join(f"{model}/{number}" for number in served)
    text = f"{named} served in {environment}{when}." if named else f"Nothing served {model} in {environment}{when}."
    if stopped:
        text += f" The pointer named {', '.join(f'{model}/{number}' for number in stopped)}, which may not be used."
    if refused := dict.fromkeys(arm.number for each in shown for arm in each.arms if arm.refused):
        text += f" The gateway refused {', '.join(f'{model}/{number}' for number in refused)} that the pointer named."
    return text
