"""Recompute every stored decision from its stored pack and facts; compare bit for bit, and with what the log says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clearance.audit import log
from clearance.audit.events import Event
from clearance.policy import store
from clearance.policy.engine import Engine
from clearance.policy.expressions import ExpressionError
from clearance.policy.model import Conclusion, Difference, Facts, ReplayReport
from clearance.policy.pack import Pack
from clearance.storage.database import Transaction
from clearance.values import canonical_json, parse_json, sha256


def replay(tx: Transaction, engine: Engine) -> ReplayReport:
    """Return how many decisions come out the same from what they were made of, and which do not.

    A decision must also be the one that the audit log recorded; one that the log has and the table lacks differs too.
    """
    logged = _logged(tx)
    seen: set[str] = set()
    differing: list[Difference] = []
    packs: dict[str, Pack | str] = {}
    for row in store.stored_decisions(tx):
        seen.add(row["id"])
        if row["pack_digest"] not in packs:
            packs[row["pack_digest"]] = _pack(tx, row["pack_digest"])
        found = packs[row["pack_digest"]]
        difference = found if isinstance(found, str) else _difference(engine, found, row)
        if difference := difference or _against_log(row, logged.get(row["id"])):
            differing.append(Difference(decision_id=row["id"], what=difference))
    lost = sorted(set(logged) - seen)
    differing += [Difference(decision_id=each, what="the log has it, but it is stored no more") for each in lost]
    total = len(seen) + len(lost)
    return ReplayReport(total=total, reproduced=total - len(differing), differing=tuple(differing))


def _logged(tx: Transaction) -> dict[str, Mapping[str, Any]]:
    """Return what the log says of each decision."""
    found: dict[str, Mapping[str, Any]] = {}
    cursor: str | None = None
    while True:
        page = log.entries(tx, event=Event.DECISION_MADE, cursor=cursor, limit=1000)
        found.update({entry.data["decision"]: entry.data for entry in page.items})
        cursor = page.next
        if cursor is None:
            return found


def _against_log(row: Mapping[Any, Any], said: Mapping[str, Any] | None) -> str | None:
    if said is None:
        return "the log does not know it"
    now = {
        "pack": row["pack_digest"],
        "facts": row["facts_digest"],
        "conclusion": sha256(row["conclusion"].encode()),
        "outcome": row["outcome"],
    }
    changed = [name for name, text in now.items() if said.get(name) != text]
    return f"the log recorded another {', '.join(changed)}" if changed else None


def _pack(tx: Transaction, digest: str) -> Pack | str:
    """Return the pack, or what is wrong with it."""
    body = store.pack_body(tx, digest)
    if body is None:
        return f"its pack {digest} is missing"
    if sha256(body.encode()) != digest:
        return f"its pack is not what its digest {digest} says"
    try:
        return parse_json(Pack, body)
    except ValueError as error:
        return f"its pack can't be read: {error}"


def _difference(engine: Engine, pack: Pack, row: Mapping[Any, Any]) -> str | None:
    if sha256(row["facts"].encode()) != row["facts_digest"]:
        return f"its facts are not what their digest {row['facts_digest']} says"
    try:
        facts = parse_json(Facts, row["facts"])
        again = engine.decide(pack, facts, digest=row["pack_digest"])
    except (ValueError, ExpressionError) as error:
        return f"it can't be decided again: {error}"
    if again.outcome != row["outcome"]:
        return f"it is stored as {row['outcome']}, and comes out as {again.outcome}"
    if canonical_json(again).decode() != row["conclusion"]:
        return f"it comes out {again.outcome} too, but explained differently: {_where(again, row['conclusion'])}"
    if facts.version.digest != row["digest"] or facts.environment != row["environment"]:
        return "it is filed under another version or environment than its facts speak of"
    return None


def _where(again: Conclusion, stored: str) -> str:
    try:
        before = parse_json(Conclusion, stored)
    except ValueError:
        return "the stored conclusion can't be read"
    rules = {rule.id: rule for rule in before.rules}
    changed = [rule.id for rule in again.rules if rules.get(rule.id) != rule]
    return f"rules {', '.join(changed)}" if changed else "its reason, approvals or waivers"
