"""The tables hold what the log says: whatever is put there past the use cases is found, kind by kind."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from typer.testing import CliRunner

from clearance.access import service as access
from clearance.access.model import NewToken, Role
from clearance.access.people import NewBinding
from clearance.app import Clearance
from clearance.audit import log, store
from clearance.audit.model import Verification
from clearance.cli.main import app
from clearance.clock import FixedClock
from clearance.compliance.agreement import Kind
from clearance.compliance.verification import verify
from clearance.delivery import service as delivery
from clearance.evidence import keys
from clearance.evidence import service as evidence
from clearance.evidence.model import NewKey
from clearance.evidence.predicates import Purpose
from clearance.policy import service as policy
from clearance.policy.consent import NewWaiver
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import ModelChange, NewModel, Risk
from clearance.registry.risk import NewLowering
from clearance.settings import load
from tests.conftest import person
from tests.delivery.conftest import ADA, PACK
from tests.registry.test_risk import BOB, LENDING
from tests.web.showcase import Showcase


@pytest.fixture(scope="module")
def home(showcase: Showcase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the showcase in which there is something of every kind that is compared."""
    made = tmp_path_factory.mktemp("agreeing") / "home"
    made.mkdir()
    with closing(sqlite3.connect(made / "clearance.db")) as copy, closing(_file(showcase.parts.settings.home)) as there:
        there.backup(copy)
    shutil.copytree(showcase.parts.settings.keys, made / "keys")
    with closing(Clearance(load({}, home=made), showcase.clock)) as parts, parts.database.write() as tx:
        access.bind_role(tx, ADA, NewBinding(subject="user:carol", role=Role.VIEWER))
        access.bind_role(tx, ADA, NewBinding(subject="group:risk", role=Role.AUDITOR, team="lending"))
        gone = access.issue_token(tx, ADA, NewToken(name="gone", roles=(Role.VIEWER,)))
        access.revoke_token(tx, ADA, gone.token.id)
        pem = keys.public_pem(generate_private_key(SECP256R1()).public_key())
        evidence.trust_key(tx, ADA, NewKey(name="ci", pem=pem, purposes=(Purpose.ARTIFACT,)))
        policy.grant_waiver(tx, ADA, NewWaiver(rule="evidence-fresh", model="income", reason="audit asked", days=1))
        (waiting,) = policy.list_approvals(tx, ADA).items
        policy.approve(tx, person("bo", Role.APPROVER), parts.policy_engine, parts.keyring, waiting.id, "looks right")
        delivery.set_alias(tx, ADA, parts.gate, parts.guards, "car-loan", "shadow", 1)
        policy.install_pack(tx, ADA, PackSource(source=PACK))
        registry.delete_model(tx, ADA, "churn", "never used")
    return made


@dataclass(frozen=True)
class Deed:
    """Something that somebody does in the database, and what verifying says of it."""

    kind: Kind
    statement: str
    problem: str


DEEDS = (
    Deed(
        Kind.TOKEN,
        "insert into access_tokens (id, name, roles, secret_hash, issued_at, issued_by, expires_at) "
        "select 'tok_mine', name, roles, secret_hash, issued_at, issued_by, expires_at from access_tokens limit 1",
        "the tables have the token tok_mine, and no leaf of the log says so",
    ),
    Deed(
        Kind.TOKEN, "update access_tokens set roles = '[\"admin\"]' where name = 'user:vic'", "its roles is ['viewer']"
    ),
    Deed(Kind.TOKEN, "update access_tokens set revoked_at = null where name = 'user:gone'", "its revoked is True"),
    Deed(
        Kind.ROLE,
        "update access_bindings set role = 'admin' where subject = 'user:carol'",
        "the tables have the role admin of user:carol, and no leaf of the log says so",
    ),
    Deed(
        Kind.ROLE,
        "update access_bindings set team = '' where subject = 'group:risk'",
        "says that there is the role auditor of group:risk for lending, and the tables have none",
    ),
    Deed(
        Kind.KEY, "update evidence_keys set purposes = '[\"check\"]' where name = 'ci'", "its purposes is ['artifact']"
    ),
    Deed(
        Kind.KEY,
        "update evidence_keys set pem = (select pem from evidence_keys where name != 'ci') where name = 'ci'",
        "(in truth ",
    ),
    Deed(Kind.PACK, "update policy_packs set body = replace(body, 'registered', 'deleted')", "its digest is 'sha256:"),
    Deed(Kind.MODEL, "update registry_models set lifecycle = 'production' where name = 'churn'", "its retired is True"),
    Deed(Kind.MODEL, "update registry_models set risk = 'light' where name = 'car-loan'", "its risk is '"),
    Deed(Kind.MODEL, "update registry_models set owner = 'user:mallory' where name = 'car-loan'", "its owner is '"),
    Deed(Kind.MODEL, "update registry_models set team = 'mallory' where name = 'car-loan'", "its team is '"),
    Deed(
        Kind.VERSION,
        "update registry_versions set digest = 'sha256:00' where model = 'car-loan' and number = 1",
        "the version car-loan/1: its digest is 'sha256:",
    ),
    Deed(
        Kind.VERSION, "update registry_versions set status = 'deleted' where number = 2", "its status is 'registered'"
    ),
    Deed(Kind.SIGNATURE, "update evidence_signatures set bundle = bundle || ' '", "the signature sig_"),
    Deed(
        Kind.STATEMENT,
        "update evidence_statements set number = 7 where id = (select min(id) from evidence_statements)",
        "7'",
    ),
    Deed(Kind.STATEMENT, "update evidence_statements set envelope = '{' where number = 2", "'unreadable: "),
    Deed(
        Kind.DECISION, "delete from policy_decisions where outcome = 'denied'", "says that there is the decision dec_"
    ),
    Deed(
        Kind.DECISION,
        "update policy_decisions set outcome = 'allowed' where outcome = 'denied'",
        "its outcome is 'denied' by leaf",
    ),
    Deed(Kind.DECISION, "update policy_decisions set conclusion = conclusion || ' '", "its conclusion is 'sha256:"),
    Deed(Kind.DECISION, "update policy_decisions set made_by = 'user:carol'", "its made_by is '"),
    Deed(Kind.VOTE, "update policy_votes set voter = 'user:carol'", "the tables have the vote of user:carol on apr_"),
    Deed(Kind.VOTE, "update policy_votes set comment = 'not at all'", "its comment is 'looks right' by leaf"),
    Deed(Kind.WAIVER, "update policy_waivers set granted_by = 'user:carol'", "its granted_by is 'user:ada' by leaf"),
    Deed(Kind.WAIVER, "update policy_waivers set reason = 'nobody asked'", "its reason is 'audit asked' by leaf"),
    Deed(Kind.WAIVER, "update policy_waivers set expires_at = '2999-01-01 00:00:00.000000'", "its expires_at is '"),
    Deed(
        Kind.ALIAS,
        "update delivery_aliases set number = 2 where alias = 'shadow'",
        "the alias shadow of car-loan: its number",
    ),
    Deed(Kind.MOVE, "delete from delivery_moves", "says that there is the move of car-loan in production at "),
    Deed(
        Kind.POINTER,
        "update delivery_pointers set stable = 2 where model = 'car-loan'",
        "the pointer production of car-loan: its stable is 1 by leaf",
    ),
    Deed(
        Kind.POINTER, "update delivery_pointers set weight = 100 where model = 'pricing'", "its weight is 10.0 by leaf"
    ),
    Deed(Kind.TOKEN, "update access_tokens set roles = 'x'", "the tokens of the tables can't be read: "),
)


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: f"{deed.kind.value}: {deed.problem[:40]}")
def test_what_is_put_into_the_tables_past_the_use_cases_is_told(home: Path, tmp_path: Path, deed: Deed) -> None:
    with _copied(home, tmp_path / "home") as parts:
        before = _verified(parts)
        assert (before.ok, before.problems) == (True, ())
        assert before.compared is not None
        assert before.compared[deed.kind.value] > 0, "nothing of this kind is there to be changed"
        with parts.database.engine.begin() as connection:
            connection.exec_driver_sql("pragma foreign_keys=off")
            assert connection.exec_driver_sql(deed.statement).rowcount > 0
        found = _verified(parts)
    assert not found.ok
    assert any(deed.problem in problem for problem in found.problems), found.problems


def test_every_kind_is_tried() -> None:
    assert {deed.kind for deed in DEEDS} == set(Kind)


def test_a_log_that_was_emptied_is_told_by_all_that_no_leaf_knows(home: Path, tmp_path: Path) -> None:
    with _copied(home, tmp_path / "home") as parts:
        with parts.database.engine.begin() as connection:
            for table in store.TABLES:
                if table is not store.head:
                    connection.execute(table.delete())
            connection.exec_driver_sql(
                "update audit_head set size = 0, peaks = x'', note = '', signer = '', successor = ''"
            )
        found = _verified(parts)
    assert (found.ok, found.leaves) == (False, 0)
    assert "no leaf of the log says so" in found.problems[0]


def test_a_log_that_was_cut_back_to_a_checkpoint_it_really_had_is_told(sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.write() as tx:
        access.bind_role(tx, ADA, NewBinding(subject="user:carol", role=Role.VIEWER))
    with sqlite_parts.database.engine.begin() as connection:
        connection.exec_driver_sql("create table kept as select * from audit_head")
    with sqlite_parts.database.write() as tx:
        access.bind_role(tx, ADA, NewBinding(subject="user:carol", role=Role.ADMIN))
    with sqlite_parts.database.engine.begin() as connection:
        connection.exec_driver_sql("delete from audit_leaves where position = 1")
        connection.exec_driver_sql("delete from audit_head")
        connection.exec_driver_sql("insert into audit_head select * from kept")
    with sqlite_parts.database.read() as tx:
        assert log.verify(tx, sqlite_parts.log_verifier).ok, "the log alone can't show it: that checkpoint is genuine"
    assert _verified(sqlite_parts).problems == (
        "the tables have the role admin of user:carol, and no leaf of the log says so",
    )


def test_tables_and_log_agree_on_both_databases(parts: Clearance) -> None:
    with parts.database.write() as tx:
        access.bind_role(tx, ADA, NewBinding(subject="user:carol", role=Role.VIEWER))
        access.issue_token(tx, ADA, NewToken(name="ci", roles=(Role.VIEWER,), days=1))
    assert _verified(parts).ok
    with parts.database.engine.begin() as connection:
        connection.exec_driver_sql("update access_bindings set role = 'admin'")
    assert len(_verified(parts).problems) == 2


def test_how_strictly_a_model_is_governed_is_compared_at_every_moment(parts: Clearance, clock: FixedClock) -> None:
    """A lowering ends with time, and nobody writes a leaf or a row when it does."""
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="loan", owner="user:ada", team="lending"))
    with parts.database.write() as tx:
        registry.assess_model(tx, ADA, "loan", LENDING)
    assert _verified(parts).problems == ()
    with parts.database.write() as tx:
        registry.lower_risk(tx, BOB, "loan", NewLowering(risk=Risk.LIGHT, reason="a pilot", days=2))
    assert _verified(parts).problems == ()
    clock.advance(timedelta(days=3))
    assert _verified(parts).problems == ()
    with parts.database.write() as tx:
        registry.update_model(tx, ADA, "loan", ModelChange(owner="user:bob"))
    assert _verified(parts).problems == ()
    with parts.database.write() as tx:
        registry.lower_risk(tx, BOB, "loan", NewLowering(risk=Risk.LIGHT, reason="again", days=2))
        registry.update_model(tx, ADA, "loan", ModelChange(risk=Risk.FULL))
    assert _verified(parts).problems == ()
    with parts.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "update registry_models set lowered_until = null, risk = 'light', assessed_risk = 'light'"
        )
    assert [each.split(" by leaf")[0] for each in _verified(parts).problems] == [
        "the model loan: its risk is 'full'",
        "the model loan: its assessed_risk is 'full'",
    ]


def test_the_command_says_that_the_tables_hold_what_the_log_says_or_exits_1(home: Path, tmp_path: Path) -> None:
    with _copied(home, tmp_path / "home"):
        pass
    words = ["--home", str(tmp_path / "home"), "audit", "verify"]
    good = CliRunner().invoke(app, words)
    assert good.exit_code == 0, good.output
    assert "The tables hold what it says: tokens " in good.output.replace("\n", " ")
    with closing(_file(tmp_path / "home")) as connection:
        connection.execute("update access_bindings set role = 'admin' where subject = 'user:carol'")
        connection.commit()
    bad = CliRunner().invoke(app, words)
    assert bad.exit_code == 1
    assert "the tables do not hold what the log says" in bad.output
    assert "- the tables have the role admin of user:carol" in bad.output


def _verified(parts: Clearance) -> Verification:
    with parts.database.read() as tx:
        return verify(tx, parts.log_verifier)


def _file(home: Path) -> sqlite3.Connection:
    return sqlite3.connect(home / "clearance.db")


def _copied(home: Path, to: Path) -> closing[Clearance]:
    shutil.copytree(home, to)
    return closing(Clearance(load({}, home=to)))
