"""Evidence over the API, the client and the real command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.cli.main import main
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.errors import Conflict, Forbidden, InvalidInput, NotFound, VerificationFailed
from clearance.evidence import dsse, keys, predicates, statement
from clearance.evidence.dsse import Envelope
from clearance.evidence.passport_check import verify
from clearance.evidence.predicates import Purpose
from clearance.policy import service as policy
from clearance.policy.consent import NewWaiver
from clearance.policy.pack import PackSource
from tests.conftest import person
from tests.delivery.conftest import ADA, PACK, decide, prepare
from tests.evidence.conftest import FILES, check_result, register

BIN = Path(sys.executable).parent


def test_a_version_is_signed_and_attested_over_the_api(sqlite_parts: Clearance, client: Client) -> None:
    register(sqlite_parts)
    with pytest.raises(VerificationFailed, match="no signature by a trusted key"):
        client.evidence.signature("car-loan", 1)
    made = client.evidence.sign("car-loan", 1)
    assert client.evidence.signature("car-loan", 1) == made
    assert [each.predicate_type for each in client.evidence.statements("car-loan", 1)] == [predicates.PROVENANCE]
    assert [key.key_id for key in client.evidence.trusted()] == [made.signer]
    with pytest.raises(Conflict):
        client.evidence.sign("car-loan", 1)
    with pytest.raises(NotFound):
        client.evidence.sign("car-loan", 2)
    with pytest.raises(InvalidInput, match="not JSON"):
        client.evidence.add_signature("car-loan", 1, "nonsense")


def test_evidence_from_elsewhere_counts_until_its_key_is_revoked(
    sqlite_parts: Clearance, client: Client, stranger: ec.EllipticCurvePrivateKey, stranger_pem: str
) -> None:
    envelope = dsse.sign(statement.encode(check_result(register(sqlite_parts))), dsse.PAYLOAD_TYPE, stranger)
    with pytest.raises(VerificationFailed, match="no key trusted"):
        client.evidence.add("car-loan", 1, envelope)
    key = client.evidence.trust("ci", stranger_pem, [Purpose.CHECK])
    made = client.evidence.add("car-loan", 1, envelope)
    assert list(client.evidence.statements("car-loan", 1, predicates.CHECK)) == [made]
    client.evidence.revoke(key.key_id, "stolen & sold")
    assert [each.revoked_at is not None for each in client.evidence.statements("car-loan", 1)] == [True]
    assert [key.revoked_reason for key in client.evidence.trusted()] == ["stolen & sold"]


def test_an_envelope_without_signature_is_refused_in_words(sqlite_parts: Clearance, client: Client) -> None:
    envelope = dsse.sign(
        statement.encode(check_result(register(sqlite_parts))), dsse.PAYLOAD_TYPE, sqlite_parts.keyring.private_key
    )
    bare = Envelope(payload=envelope.payload, payloadType=envelope.payloadType, signatures=())
    with pytest.raises(InvalidInput, match="not signed"):
        client.evidence.add("car-loan", 1, bare)


@pytest.mark.parametrize(
    ("role", "attempt"),
    [
        (Role.VIEWER, lambda client, pem: client.evidence.sign("car-loan", 1)),
        (Role.OPERATOR, lambda client, pem: client.evidence.sign("car-loan", 1)),
        (Role.DEVELOPER, lambda client, pem: client.evidence.trust("me", pem, [Purpose.CHECK])),
        (Role.APPROVER, lambda client, pem: client.evidence.revoke("0" * 64, "")),
    ],
)
def test_only_those_who_may_sign_or_trust_do(
    sqlite_parts: Clearance,
    as_user: Callable[..., Client],
    stranger_pem: str,
    role: Role,
    attempt: Callable[[Client, str], Any],
) -> None:
    register(sqlite_parts)
    with pytest.raises(Forbidden):
        attempt(as_user(person("eve", role)), stranger_pem)


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command line as its own `main` does, in this process, which is quicker."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(home: Path, *arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["clearance", "--home", str(home), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return command


def test_a_version_is_exported_with_everything_the_public_tool_needs(
    sqlite_parts: Clearance, run: Run, tmp_path: Path
) -> None:
    register(sqlite_parts)
    home, out = sqlite_parts.settings.home, tmp_path / "out"
    unsigned = run(home, "versions", "export", "car-loan", "1", out)
    assert (unsigned.returncode, out.exists()) == (1, False)
    assert "`clearance evidence sign car-loan 1` signs it" in unsigned.stderr
    assert run(home, "evidence", "sign", "car-loan", "1").returncode == 0
    done = run(home, "versions", "export", "car-loan", "1", out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(each.name for each in out.iterdir()) == ["artifact", "model.sig", "passport.json", "signer.pub"]
    assert {path: (out / "artifact" / path).read_bytes() for path in FILES} == FILES
    verify: list[str | Path] = [BIN / "model_signing", "verify", "key", out / "artifact"]
    verify += ["--signature", out / "model.sig", "--public_key", out / "signer.pub"]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
    (out / "artifact" / "model.onnx").write_bytes(b"Not really a graph")
    assert subprocess.run(verify, capture_output=True, check=False).returncode != 0
    key = run(home, "audit", "key").stdout.strip()
    assert run(home, "passport", "verify", out / "passport.json", "--pin-log", key).returncode == 0
    assert run(home, "versions", "export", "car-loan", "1", out).returncode == 2


def test_a_claim_is_attested_with_a_key_of_ones_own(
    sqlite_parts: Clearance, run: Run, stranger: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    register(sqlite_parts)
    home, claim, private, public = (tmp_path / name for name in ("home", "claim.json", "key.pem", "key.pub"))
    claim.write_text(json.dumps({"card": "a model that grants loans"}))
    private.write_bytes(stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_text(keys.public_pem(stranger.public_key()))
    attest: list[str | Path] = [
        "evidence",
        "attest",
        "car-loan",
        "1",
        claim,
        "--type",
        "https://example.org/card/v1",
        "--key",
        private,
    ]
    refused = run(home, *attest)
    assert refused.returncode == 1
    assert "no key trusted for this signed it" in refused.stderr
    assert run(home, "keys", "trust", public, "--name", "ci", "--purpose", "other").returncode == 0
    assert run(home, *attest).returncode == 0
    listed = run(home, "evidence", "list", "car-loan", "1")
    assert "https://example.org/card/v1" in listed.stdout
    found = json.loads(run(home, "keys", "list", "--json").stdout)
    assert run(home, "keys", "revoke", found[0]["key_id"], "--reason", "stolen").returncode == 0
    assert "ci, revoked" in run(home, "evidence", "list", "car-loan", "1").stdout
    file = tmp_path / "passport.json"
    assert run(home, "passport", "export", "car-loan", "1", file, "--json").returncode == 0
    assert json.loads(file.read_text())["body"]["statements"] == []


def test_the_list_says_in_a_word_what_each_statement_says(sqlite_parts: Clearance, client: Client, run: Run) -> None:
    register(sqlite_parts)
    client.evidence.sign("car-loan", 1)
    client.policy.decide("car-loan", 1)
    rows = [
        line.split()[1:3]
        for line in run(sqlite_parts.settings.home, "evidence", "list", "car-loan", "1").stdout.splitlines()
    ]
    assert ["provenance", "recorded"] in rows
    assert ["decision", "denied"] in rows


def test_a_malformed_file_is_refused_with_its_place(sqlite_parts: Clearance, run: Run, tmp_path: Path) -> None:
    register(sqlite_parts)
    file = tmp_path / "envelope.json"
    file.write_text('{"payload": \n}')
    refused = run(sqlite_parts.settings.home, "evidence", "add", "car-loan", "1", file)
    assert refused.returncode == 2
    assert "line 2, column 1" in refused.stderr


def test_a_passport_says_that_its_decision_held_no_more_when_it_was_exported(
    sqlite_parts: Clearance, clock: FixedClock, client: Client, run: Run, tmp_path: Path
) -> None:
    never = "rules:\n  - {id: never, title: It never holds, severity: block, expression: 'false', message: no, sources: [X4]}"
    prepare(sqlite_parts, versions=1)
    with sqlite_parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK.replace("rules:", never).replace('"1"', '"2"')))
        new = NewWaiver(rule="never", model="car-loan", reason="pilot", days=1)
        waiver = policy.grant_waiver(tx, person("root"), new).id
    decide(sqlite_parts, 1)
    assert verify(json.dumps(client.evidence.passport("car-loan", 1))).lapsed == ""
    clock.advance(timedelta(days=1))
    file = tmp_path / "passport.json"
    file.write_text(json.dumps(client.evidence.passport("car-loan", 1)))
    said = run(tmp_path, "passport", "verify", file)
    assert said.returncode == 0, "it is genuine, whatever it says"
    assert f"That held no more when the passport was exported: the waiver {waiver}" in " ".join(said.stdout.split())
