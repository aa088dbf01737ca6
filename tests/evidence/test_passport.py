"""Passports: complete, verified from their bytes alone, and not a single value in them can be changed unseen."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.client.client import Client
from clearance.clock import SystemClock
from clearance.errors import InvalidInput, NotFound, VerificationFailed
from clearance.evidence import dsse, keys, passport, predicates, service, statement, strict
from clearance.evidence.passport_check import PassportReport, verify
from clearance.evidence.passport_claims import Pins
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.settings import load
from clearance.statistics.verdicts import Verdict
from clearance.values import plain
from tests.conftest import person
from tests.evidence.conftest import check_result, register

ADA = person("ada")
PACK = """
name: tiny
version: "1"
description: Signed, and performance passed.
environments: ["*"]
risks: [light, standard]
approvals: {count: 0}
longest_waiver_days: 90
rules:
  - id: artifact-signed
    title: The artifact is signed by a trusted key
    severity: block
    expression: signature_valid
    message: nobody signed it
    sources: [test]
  - id: performance-passed
    title: The performance check passed
    severity: block
    expression: verdicts['performance'] == 'passed'
    message: the performance check says {verdicts['performance']}
    sources: [test]
"""


def clear(parts: Clearance) -> None:
    """Register, sign, check and decide on car-loan/1 by the tiny pack."""
    version = register(parts)
    with parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK))
    with parts.database.write() as tx:
        service.sign_artifact(tx, ADA, parts.keyring, parts.blobs, parts.scratch(), "car-loan", 1)
        service.sign_and_add(tx, ADA, parts.keyring, check_result(version))
    with parts.database.write() as tx:
        policy.decide(tx, ADA, parts.policy_engine, parts.keyring, "car-loan", 1, "production")


def issue(parts: Clearance, change: Callable[[dict[str, Any]], None] = lambda _body: None) -> dict[str, Any]:
    """Export the passport of car-loan/1; a change is sealed by the log's own key, as a lying owner of it would."""
    with parts.database.write() as tx:
        decision = plain(policy.newest_decision(tx, "car-loan", 1))
        body = service.seal_passport(tx, ADA, "car-loan", 1, decision)
        sealed = passport.seal(body)
        change(body)
        if (seal := passport.seal(body)) != sealed:
            log.record(tx, Event.PASSPORT_EXPORTED, actor=ADA.name, subject="model/car-loan/1", data={"digest": seal})
    with parts.database.read() as tx:
        return service.prove_passport(tx, body, parts.log_verifier)


@pytest.fixture(scope="module")
def cleared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clearance]:
    """An installation in which car-loan/1 is cleared; tests of this module only export from it."""
    made = Clearance(load({}, home=tmp_path_factory.mktemp("cleared") / "home"), SystemClock())
    clear(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def issued(cleared: Clearance) -> dict[str, Any]:
    return issue(cleared)


def check(found: Mapping[str, Any], pins: Pins | None = None) -> PassportReport:
    return verify(json.dumps(found), pins)


def verdicts(report: PassportReport) -> dict[str, Verdict]:
    return {part.name: part.verdict for part in report.checks}


def test_the_passport_of_a_cleared_version_verifies_in_every_part(cleared: Clearance, issued: dict[str, Any]) -> None:
    pins = Pins(log=cleared.log_verifier.text(), keys=(cleared.keyring.key_id,))
    report = check(issued, pins)
    assert report.ok, report
    assert set(verdicts(report).values()) == {Verdict.PASSED}
    assert (report.model, report.number, report.outcome, report.environment) == ("car-loan", 1, "allowed", "production")
    assert report.pinned
    assert report.signers == (cleared.keyring.key_id,)


def test_it_is_proven_that_version_signature_statements_key_decision_and_export_were_recorded(
    issued: dict[str, Any],
) -> None:
    events = [json.loads(strict.unbase64(leaf["leaf"], "leaf"))["event"] for leaf in issued["log"]["leaves"]]
    assert events.count(Event.STATEMENT_ADDED) == 3  # provenance, check, decision
    assert set(events) == {
        Event.VERSION_REGISTERED,
        Event.KEY_TRUSTED,
        Event.ARTIFACT_SIGNED,
        Event.STATEMENT_ADDED,
        Event.DECISION_MADE,
        Event.PASSPORT_EXPORTED,
    }


def test_without_pins_it_verifies_and_says_that_nothing_is_pinned(issued: dict[str, Any]) -> None:
    report = check(issued)
    assert (report.ok, report.pinned, verdicts(report)["trust"]) == (True, False, Verdict.NOT_APPLICABLE)


Place = tuple[str | int, ...]


def leaves(found: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of every value that has none inside, empty objects and lists too."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    pairs = list(inner)
    if not pairs:
        yield place
    for name, child in pairs:
        yield from leaves(child, (*place, name))


def nodes(found: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of everything that lies in an object or a list."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for name, child in inner:
        yield (*place, name)
        yield from nodes(child, (*place, name))


def at(found: Any, place: Place) -> Any:
    for name in place:
        found = found[name]
    return found


def others(leaf: Any) -> list[Any]:
    """Return values that are not this one."""
    if isinstance(leaf, bool):
        return [not leaf]
    if isinstance(leaf, int | float):
        return [leaf + 1, -leaf - 1, str(leaf)]
    if isinstance(leaf, str):
        flipped = leaf[:-1] + chr(ord(leaf[-1]) ^ 1) if leaf else "x"
        return [leaf + "x", flipped, leaf + "\n", None]
    if isinstance(leaf, dict):
        return [{"x": 1}, None]
    if isinstance(leaf, list):
        return [["x"], None]
    return ["x", 0]


def test_whichever_value_is_changed_it_is_found(issued: dict[str, Any]) -> None:
    unseen = []
    changed = copy.deepcopy(issued)
    places = list(leaves(issued))
    for place in places:
        holder, name = at(changed, place[:-1]), place[-1]
        original = holder[name]
        for other in others(original):
            holder[name] = other
            if check(changed).ok:
                unseen.append((place, original, other))
        holder[name] = original
    assert len(places) > 200
    assert unseen == []
    assert check(changed).ok


def test_whatever_is_taken_away_or_added_it_is_found(issued: dict[str, Any]) -> None:
    unseen = []
    for place in nodes(issued):
        less, more = copy.deepcopy(issued), copy.deepcopy(issued)
        del at(less, place[:-1])[place[-1]]
        inner = at(more, place)
        if isinstance(inner, dict):
            inner["extra"] = 1
        elif isinstance(inner, list) and inner:
            inner.append(inner[0])
        if check(less).ok:
            unseen.append(("removed", place))
        if more != issued and check(more).ok and place != ("log", "leaves"):  # a leaf proven twice changes nothing
            unseen.append(("added", place))
    assert unseen == []


def other_file(body: dict[str, Any]) -> None:
    body["version"]["files"][0]["sha256"] = "sha256:" + "0" * 64


def other_provenance(body: dict[str, Any]) -> None:
    body["version"]["provenance"]["parameters"]["depth"] = 9


def other_author(body: dict[str, Any]) -> None:
    body["version"]["created_by"] = "user:mallory"


def better_figure(body: dict[str, Any]) -> None:
    body["statements"][1]["predicate"]["figures"][0]["value"] = 0.999


def forged_statement(body: dict[str, Any]) -> None:
    found = body["statements"][1]
    claim = statement.decode(dsse.payload_of(dsse.from_json(found["envelope"])))
    forged = dsse.sign(statement.encode(claim), dsse.PAYLOAD_TYPE, ec.generate_private_key(ec.SECP256R1()))
    found["envelope"], found["digest"] = plain(forged), dsse.digest(forged)


def statement_of_another_type(body: dict[str, Any]) -> None:
    body["statements"][1]["predicate_type"] = predicates.APPROVAL


def missing_statement(body: dict[str, Any]) -> None:
    del body["statements"][1]


def wider_key(body: dict[str, Any]) -> None:
    body["keys"][0]["purposes"] = ["artifact"]


def other_key(body: dict[str, Any]) -> None:
    body["keys"][0]["pem"] = keys.public_pem(ec.generate_private_key(ec.SECP256R1()).public_key())


def revoked_key(body: dict[str, Any]) -> None:
    body["keys"][0]["revoked_at"] = body["exported_at"]


def other_bundle(body: dict[str, Any]) -> None:
    body["signature"]["bundle"] += " "


def other_outcome(body: dict[str, Any]) -> None:
    body["decision"]["outcome"] = "denied"


def other_facts(body: dict[str, Any]) -> None:
    body["decision"]["facts"]["signature_valid"] = False


def other_environment(body: dict[str, Any]) -> None:
    body["decision"]["environment"] = "staging"


def other_summary(body: dict[str, Any]) -> None:
    body["decision"]["vsa"] = body["statements"][1]["envelope"]


def not_by_me(body: dict[str, Any]) -> None:
    body["exported_by"] = "user:mallory"


def other_version(body: dict[str, Any]) -> None:
    body["version"]["number"] = 2


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (other_file, "version"),
        (other_provenance, "version"),
        (other_author, "version"),
        (other_version, "version"),
        (better_figure, "statements"),
        (forged_statement, "statements"),
        (statement_of_another_type, "statements"),
        (missing_statement, "decision summary"),
        (wider_key, "keys"),
        (other_key, "keys"),
        (revoked_key, "keys"),
        (other_bundle, "artifact signature"),
        (other_outcome, "decision"),
        (other_facts, "decision"),
        (other_environment, "decision"),
        (other_summary, "decision summary"),
        (not_by_me, "seal"),
    ],
)
def test_a_lie_is_found_even_when_the_owner_of_the_log_seals_it(
    cleared: Clearance, change: Callable[[dict[str, Any]], None], part: str
) -> None:
    found = verdicts(check(issue(cleared, change)))
    assert found["log"] is Verdict.PASSED
    assert found[part] is Verdict.FAILED


def test_pins_refuse_another_log_and_another_signer(cleared: Clearance, issued: dict[str, Any]) -> None:
    name, _, _ = cleared.log_verifier.text().partition("+")
    other_log = check(issued, Pins(log=f"{name}+00000000+AAAA"))
    assert verdicts(other_log)["log"] is Verdict.FAILED
    other_key = check(issued, Pins(log=cleared.log_verifier.text(), keys=("0" * 64,)))
    assert verdicts(other_key)["trust"] is Verdict.FAILED
    assert not other_key.pinned


def test_a_whole_passport_from_another_log_is_found_only_by_the_pin(
    cleared: Clearance, issued: dict[str, Any], sqlite_parts: Clearance
) -> None:
    clear(sqlite_parts)
    foreign = issue(sqlite_parts)
    assert check(foreign).ok
    assert not check(foreign, Pins(log=cleared.log_verifier.text())).ok


def test_leaves_and_checkpoint_of_another_log_do_not_go_with_the_body(
    cleared: Clearance, issued: dict[str, Any], sqlite_parts: Clearance
) -> None:
    clear(sqlite_parts)
    mixed = issued | {"log": issue(sqlite_parts)["log"]}
    assert verdicts(check(mixed))["seal"] is Verdict.FAILED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "\ud800", '{"a": 1, "a": 2}', "[" * 100_000])
def test_what_is_no_passport_is_reported_not_raised(text: str) -> None:
    report = verify(text)
    assert not report.ok
    assert [part.name for part in report.checks] == ["form"]


def test_a_version_of_which_little_is_known_gets_a_passport_that_says_so(parts: Clearance) -> None:
    register(parts)
    report = check(issue(parts))
    assert report.ok, report
    missing = {name for name, verdict in verdicts(report).items() if verdict is Verdict.NOT_APPLICABLE}
    assert missing == {"keys", "artifact signature", "statements", "decision", "decision summary", "trust"}
    assert report.outcome == ""


def test_the_passport_of_a_cleared_version_verifies_on_every_database(parts: Clearance) -> None:
    clear(parts)
    report = check(issue(parts))
    assert report.ok, report


def test_a_passport_that_the_log_does_not_know_of_is_not_proven(cleared: Clearance, issued: dict[str, Any]) -> None:
    with pytest.raises(VerificationFailed, match="does not show this export"), cleared.database.read() as tx:
        service.prove_passport(tx, issued["body"] | {"exported_by": "user:mallory"}, cleared.log_verifier)


def test_evidence_that_was_revoked_leaves_the_passport_and_the_decision_no_longer_stands(
    sqlite_parts: Clearance, stranger: ec.EllipticCurvePrivateKey, stranger_pem: str
) -> None:
    clear(sqlite_parts)
    with sqlite_parts.database.write() as tx:
        service.revoke_key(tx, ADA, sqlite_parts.keyring.key_id, "stolen")
    report = check(issue(sqlite_parts))
    assert verdicts(report)["decision summary"] is Verdict.FAILED
    assert verdicts(report)["artifact signature"] is Verdict.NOT_APPLICABLE


def test_the_passport_of_a_quarantined_version_says_so(sqlite_parts: Clearance, tmp_path: Path) -> None:
    clear(sqlite_parts)
    with sqlite_parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 1, "wrong labels")
    file = tmp_path / "passport.json"
    file.write_text(json.dumps(issue(sqlite_parts)))
    report = verify(file.read_bytes())
    assert (report.ok, report.status, report.outcome) == (True, "quarantined", "allowed")
    assert "It was quarantined when the passport was exported" in run("passport", "verify", file).stdout


def test_an_export_over_the_api_is_recorded_and_names_who_asked(sqlite_parts: Clearance, client: Client) -> None:
    clear(sqlite_parts)
    found = client.evidence.passport("car-loan", 1)
    assert check(found, Pins(log=client.audit.key())).ok
    entry = next(client.audit.entries(event=Event.PASSPORT_EXPORTED))
    assert (entry.actor, entry.data) == ("user:ada", {"digest": passport.seal(found["body"])})
    assert check(client.evidence.passport("car-loan", 1, "staging")).outcome == ""
    with pytest.raises(NotFound):
        client.evidence.passport("car-loan", 9)
    with pytest.raises(InvalidInput, match="there is no environment 'produktion'"):
        client.evidence.passport("car-loan", 1, "produktion")


@pytest.mark.parametrize("option", ["--pin-log", "--pin-key"])
def test_a_mistyped_pin_is_wrong_use_and_says_nothing_of_the_passport(tmp_path: Path, option: str) -> None:
    (tmp_path / "passport.json").write_text("{}")
    done = run("passport", "verify", tmp_path / "passport.json", option, "nonsense")
    assert (done.returncode, "'nonsense' is no" in done.stderr, done.stdout) == (2, True, ""), done.stderr


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with an empty environment (but for what is given), from the root folder."""
    command = Path(sys.executable).with_name("clearance")
    return subprocess.run([command, *arguments], env=environment, cwd="/", capture_output=True, text=True, check=False)


def test_the_command_verifies_with_an_empty_environment(
    cleared: Clearance, issued: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "passport.json"
    file.write_text(json.dumps(issued, indent=2))
    pins = ("--pin-log", cleared.log_verifier.text(), "--pin-key", cleared.keyring.key_id)
    good = run("passport", "verify", file, *pins)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "car-loan/1 is allowed for production" in good.stdout
    found = run("passport", "verify", file, *pins, "--json")
    assert json.loads(found.stdout)["ok"] is True
    file.write_text(file.read_text().replace("0.97", "0.99", 1))
    bad = run("passport", "verify", file, "--json")
    assert (bad.returncode, json.loads(bad.stdout)["ok"]) == (1, False)
    assert run("passport", "verify", tmp_path / "none.json").returncode == 2


def test_the_command_verifies_without_a_home_and_makes_none(issued: dict[str, Any], tmp_path: Path) -> None:
    file, home = tmp_path / "passport.json", tmp_path / "nobody"
    file.write_text(json.dumps(issued))
    assert run("passport", "verify", file, HOME=str(home)).returncode == 0
    assert not home.exists()


def test_verifying_loads_no_database_web_framework_or_numpy(issued: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "passport.json"
    file.write_text(json.dumps(issued))
    program = """
import sys
sys.argv = ["clearance", "passport", "verify", sys.argv[1]]
from clearance.cli.main import main
try:
    main()
finally:
    heavy = {"sqlalchemy", "fastapi", "starlette", "numpy", "pandas", "pyarrow", "model_signing"} & set(sys.modules)
    print("heavy:", sorted(heavy))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, file], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("heavy: []\n")
