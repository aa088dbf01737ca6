"""Decisions on real evidence, stored, admitted and replayed; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.clock import FixedClock
from clearance.errors import Conflict, Denied, InvalidInput, NotFound
from clearance.evidence import dsse, keys, predicates, statement, trust, vsa
from clearance.evidence import service as evidence
from clearance.evidence.dsse import Envelope
from clearance.evidence.model import NewKey
from clearance.evidence.predicates import Purpose
from clearance.policy import service, tables
from clearance.policy.engine import Engine
from clearance.policy.model import Decision, Outcome, ReplayReport
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import Risk
from clearance.statistics.verdicts import Verdict
from clearance.values import canonical_json, digest_of
from tests.policy.registered import ADA, AUC, BO, decide, measure, ready, register, sign
from tests.policy.samples import YAML

UNFAIR = {
    "name": "disparate_impact_ratio",
    "value": 0.357,
    "low": 0.331,
    "high": 0.389,
    "slice": {"attribute": "sex", "group": "Female"},
    "unit": "",
}


def failing(decision: Decision) -> set[str]:
    return {rule.id for rule in decision.rules if rule.blocks}


def replay(parts: Clearance) -> ReplayReport:
    with parts.database.read() as tx:
        return service.replay(tx, Engine())


def test_a_version_with_all_evidence_is_allowed_stored_and_admitted(parts: Clearance) -> None:
    version = ready(parts)
    decision = decide(parts, version)
    assert decision.outcome is Outcome.ALLOWED, decision.reason
    with parts.database.read() as tx:
        assert service.get_decision(tx, decision.id) == decision
        assert service.newest_decision(tx, "car-loan", 1) == decision
        admission = service.admission(tx, "car-loan", 1)
        assert (admission.allowed, admission.decision_id) == (True, decision.id)
        leaf = log.entries(tx, subject="model/car-loan/1", event=Event.DECISION_MADE).items[0]
    assert leaf.data["decision"] == decision.id
    assert (leaf.data["pack"], leaf.data["facts"]) == (decision.pack_digest, decision.facts_digest)
    assert decision.facts_digest == digest_of(decision.facts)


def test_a_bare_version_is_denied_rule_by_rule_and_not_admitted(parts: Clearance) -> None:
    version = register(parts)
    with parts.database.read() as tx:
        assert not service.admission(tx, "car-loan", 1).allowed
    decision = decide(parts, version)
    assert decision.outcome is Outcome.DENIED
    assert {"artifact-signed", "data-passed", "auc-floor", "evidence-fresh"} <= failing(decision)
    told = {rule.id: (rule.verdict, rule.message) for rule in decision.rules}
    assert told["auc-floor"] == (
        Verdict.NOT_MEASURED,
        "could not measure: figures['performance.auc.low'] is missing",
    )
    with parts.database.read() as tx:
        admission = service.admission(tx, "car-loan", 1)
    assert (admission.allowed, admission.decision_id) == (False, decision.id)


def test_unfair_evidence_is_denied_with_its_figure(parts: Clearance) -> None:
    version = ready(parts, "income", Risk.FULL)
    measure(parts, version, ["fairness"], verdict="failed", figures=[UNFAIR])
    decision = decide(parts, version)
    told = next(rule for rule in decision.rules if rule.id == "fairness-four-fifths")
    assert (decision.outcome, decision.pack) == (Outcome.DENIED, "full")
    assert told.message == "disparate impact ratio for sex is 0.357 [0.331, 0.389], group Female, below 0.8"
    assert told.figures[0].slice == {"attribute": "sex", "group": "Female"}


def test_every_decision_is_a_signed_summary_that_deploy_points_can_check(parts: Clearance) -> None:
    version = ready(parts)
    public = {parts.keyring.key_id: keys.parse_public(parts.keyring.public_pem)}

    def envelope(decision: Decision) -> Envelope:
        return dsse.parse(canonical_json(decision.vsa).decode())

    good = decide(parts, version)
    summary = vsa.check(envelope(good), public, version.digest, "production")
    assert summary["policy"]["digest"]["sha256"] == good.pack_digest.removeprefix("sha256:")
    assert len(summary["inputAttestations"]) == len(good.facts.checks)
    measure(parts, version, ["data"], verdict="failed")
    with pytest.raises(Denied):
        vsa.check(envelope(decide(parts, version)), public, version.digest, "production")


def test_the_newest_result_of_a_check_counts_and_an_old_one_sent_again_does_not(
    parts: Clearance, clock: FixedClock
) -> None:
    version = ready(parts)
    clock.advance(timedelta(hours=1))
    measure(parts, version, ["data"], verdict="failed")
    assert failing(decide(parts, version)) == {"data-passed"}
    clock.advance(timedelta(hours=1))
    measure(parts, version, ["data"], finished_at="2026-01-05T09:00:00Z")
    assert failing(decide(parts, version)) == {"data-passed"}
    measure(parts, version, ["data"])
    assert failing(decide(parts, version)) == set()


def test_a_result_from_the_future_is_as_new_as_its_arrival(parts: Clearance, clock: FixedClock) -> None:
    version = ready(parts)
    measure(parts, version, ["data"], finished_at="2036-01-01T00:00:00Z")
    clock.advance(timedelta(days=91))
    decision = decide(parts, version)
    assert failing(decision) == {"evidence-fresh"}
    assert decision.facts.checks["data"].age_days == 91


def test_results_signed_by_a_revoked_key_count_for_nothing(parts: Clearance) -> None:
    version = ready(parts)
    private = ec.generate_private_key(ec.SECP256R1())
    pem = keys.public_pem(private.public_key())
    with parts.database.write() as tx:
        trusted = trust.trust_key(tx, ADA, NewKey(name="ci", pem=pem, purposes=(Purpose.CHECK,)))
    predicate: dict[str, Any] = {
        "check": "data",
        "suite": {"name": "lending", "digest": "sha256:" + "5" * 64},
        "verdict": "failed",
        "reason": "as ci measured it",
        "figures": [],
        "inputs": {},
        "finished_at": "2026-01-05T09:00:00Z",
    }
    claim = statement.about("car-loan", 1, version.digest, predicates.CHECK, predicate)
    with parts.database.write() as tx:
        envelope = dsse.sign(statement.encode(claim), dsse.PAYLOAD_TYPE, private)
        evidence.add_statement(tx, ADA, envelope, model="car-loan", number=1)
    assert failing(decide(parts, version)) == {"data-passed"}
    with parts.database.write() as tx:
        trust.revoke_key(tx, ADA, trusted.key_id, "leaked")
    assert failing(decide(parts, version)) == set()
    with parts.database.write() as tx:
        trust.revoke_key(tx, ADA, parts.keyring.key_id, "leaked")
    with pytest.raises(Conflict, match="own signing key was revoked"):
        decide(parts, version)


def test_figures_that_are_none_are_left_out_and_deny(parts: Clearance) -> None:
    version = register(parts)
    sign(parts, version)
    broken = [{"name": "auc", "value": "high"}, "nonsense", {"value": 1}, {**AUC, "low": None}, {**AUC, "name": "f1"}]
    measure(parts, version, figures=broken)  # type: ignore[arg-type]
    decision = decide(parts, version)
    assert failing(decision) == {"auc-floor"}
    assert set(decision.facts.figures) == {"performance.f1"}


def test_admission_ends_when_the_version_is_stopped(parts: Clearance) -> None:
    decide(parts, ready(parts))
    with parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 1, "it drifts")
    with parts.database.read() as tx:
        admission = service.admission(tx, "car-loan", 1)
    assert (admission.allowed, "it drifts" in admission.reason) == (False, True)


def test_admission_is_for_one_environment(parts: Clearance) -> None:
    decide(parts, ready(parts), "staging")
    with parts.database.read() as tx:
        assert service.admission(tx, "car-loan", 1, "staging").allowed
        assert not service.admission(tx, "car-loan", 1, "production").allowed


def test_replay_reproduces_every_decision_bit_for_bit(parts: Clearance, clock: FixedClock) -> None:
    version = ready(parts)
    decide(parts, version)
    measure(parts, version, ["data"], verdict="inconclusive")
    decide(parts, version)
    clock.advance(timedelta(days=400))
    decide(parts, version)
    assert replay(parts) == ReplayReport(total=3, reproduced=3, differing=())


@pytest.mark.parametrize(
    ("column", "old", "new", "says"),
    [
        ("facts", '"signature_valid":true', '"signature_valid":false', "facts are not what their digest"),
        ("outcome", "allowed", "denied", "stored as denied"),
        ("conclusion", "is recent", "is very recent", "evidence-fresh"),
        ("conclusion", "blocking rules hold", "rules hold", "reason"),
        ("digest", "sha256:", "sha257:", "filed under another"),
    ],
)
def test_replay_tells_what_was_changed(parts: Clearance, column: str, old: str, new: str, says: str) -> None:
    decide(parts, ready(parts))
    table = tables.decisions
    with parts.database.engine.connect().execution_options(clearance_write=True) as connection, connection.begin():
        connection.execute(sa.update(table).values({column: sa.func.replace(table.c[column], old, new)}))
    report = replay(parts)
    assert (report.total, report.reproduced) == (1, 0)
    assert says in report.differing[0].what


def test_replay_holds_decisions_against_the_log(parts: Clearance) -> None:
    version = register(parts)
    denied = decide(parts, version)
    sign(parts, version)
    measure(parts, version)
    decide(parts, version)
    table = tables.decisions
    columns = ("outcome", "facts", "facts_digest", "conclusion", "pack_digest")
    with parts.database.engine.connect().execution_options(clearance_write=True) as connection, connection.begin():
        good = connection.execute(sa.select(table).where(table.c.outcome == "allowed")).one()
        forged = {name: getattr(good, name) for name in columns}
        connection.execute(sa.update(table).where(table.c.id == denied.id).values(forged))
        connection.execute(sa.delete(table).where(table.c.id == good.id))
    found = {each.decision_id: each.what for each in replay(parts).differing}
    assert found == {
        denied.id: "the log recorded another facts, conclusion, outcome",
        good.id: "the log has it, but it is stored no more",
    }


def test_replay_tells_when_a_pack_was_changed(parts: Clearance) -> None:
    decide(parts, ready(parts))
    with parts.database.engine.connect().execution_options(clearance_write=True) as connection, connection.begin():
        body = tables.packs.c.body
        connection.execute(sa.update(tables.packs).values(body=sa.func.replace(body, "0.7", "0.1")))
    assert "pack is not what its digest" in replay(parts).differing[0].what


def test_an_installed_pack_is_tried_first_and_old_decisions_keep_theirs(parts: Clearance) -> None:
    version = ready(parts)
    before = decide(parts, version)
    source = PackSource(source=YAML.replace("{standard: 0.8}", "{standard: 0.99}"))
    with parts.database.write() as tx:
        installed = service.install_pack(tx, ADA, source)
    after = decide(parts, version)
    assert (after.pack, after.pack_digest, after.outcome) == ("own", installed.digest, Outcome.DENIED)
    assert after.rules[0].message == "AUC is 0.97 [0.96, 0.98]"
    assert decide(parts, version, "staging").pack == "standard"
    with parts.database.read() as tx:
        assert [each.pack.name for each in service.list_packs(tx)] == ["own", "full", "standard"]
        assert service.get_decision(tx, before.id).pack == "standard"
    assert replay(parts).reproduced == 3
    with parts.database.write() as tx, pytest.raises(Conflict, match="in force"):
        service.install_pack(tx, ADA, source)


def test_a_bad_pack_is_not_installed(parts: Clearance) -> None:
    with parts.database.write() as tx, pytest.raises(InvalidInput, match=r"pack\.yaml:14:17"):
        service.install_pack(tx, ADA, PackSource(source=YAML.replace("figures['performance.auc'] >", "figurs['a'] >")))
    with parts.database.read() as tx:
        assert len(service.list_packs(tx)) == 2


def test_decisions_are_listed_newest_first_page_by_page(parts: Clearance) -> None:
    version = register(parts)
    made = [decide(parts, version).id for _ in range(3)]
    with parts.database.read() as tx:
        first = service.list_decisions(tx, model="car-loan", limit=2)
        rest = service.list_decisions(tx, model="car-loan", limit=2, cursor=first.next)
    assert [each.id for each in (*first.items, *rest.items)] == made[::-1]
    assert rest.next is None


def test_what_does_not_exist_is_told(parts: Clearance) -> None:
    with parts.database.write() as tx:
        for attempt in (
            lambda: service.decide(tx, BO, parts.policy_engine, parts.keyring, "nobody", 1, "production"),
            lambda: service.get_decision(tx, "dec_none"),
            lambda: service.admission(tx, "nobody", 1),
            lambda: service.get_pack(tx, "none"),
            lambda: service.list_decisions(tx, model="nobody"),
            lambda: service.list_waivers(tx, "nobody"),
        ):
            with pytest.raises(NotFound):
                attempt()
        with pytest.raises(InvalidInput, match="cursor"):
            service.list_decisions(tx, cursor="'; drop table")
    ready(parts)
    with parts.database.write() as tx, pytest.raises(InvalidInput, match="not the name of an environment"):
        service.decide(tx, BO, parts.policy_engine, parts.keyring, "car-loan", 1, "../etc")
