"""Statements in the store: what gets in, what does not, and what counts afterwards; on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import ClearanceError, Conflict, InvalidInput, NotFound, VerificationFailed
from clearance.evidence import dsse, predicates, service, statement, store
from clearance.evidence.dsse import Envelope
from clearance.evidence.model import NewKey
from clearance.evidence.predicates import Purpose
from clearance.registry.model import Version
from tests.conftest import person
from tests.evidence.conftest import check_result, register

ADA = person("ada")


def signed(key: ec.EllipticCurvePrivateKey, version: Version, payload_type: str = dsse.PAYLOAD_TYPE) -> Envelope:
    return dsse.sign(statement.encode(check_result(version)), payload_type, key)


def trust(parts: Clearance, pem: str, *purposes: Purpose) -> str:
    with parts.database.write() as tx:
        return service.trust_key(tx, ADA, NewKey(name="ci", pem=pem, purposes=purposes)).key_id


def leaves(parts: Clearance) -> int:
    with parts.database.read() as tx:
        return len(log.entries(tx, limit=1000).items)


def test_a_statement_signed_with_the_own_key_is_kept_and_recorded(parts: Clearance, version: Version) -> None:
    with parts.database.write() as tx:
        made = service.sign_and_add(tx, ADA, parts.keyring, check_result(version))
    with parts.database.read() as tx:
        assert service.statements(tx, "car-loan", 1) == (made,)
        assert service.statements(tx, "car-loan", 1, predicates.CHECK) == (made,)
        assert service.statements(tx, "car-loan", 1, predicates.VSA) == ()
        entry = log.entries(tx, event=Event.STATEMENT_ADDED).items[0]
        key = service.list_keys(tx)[0]
    assert made.predicate["figures"][0]["value"] == 0.97
    assert (made.signer, made.signer_name) == (parts.keyring.key_id, "clearance")
    assert (entry.subject, entry.data["digest"]) == ("model/car-loan/1", made.digest)
    assert (key.key_id, key.purposes) == (parts.keyring.key_id, tuple(Purpose))


def test_a_statement_made_elsewhere_is_kept_when_its_key_is_trusted_for_it(
    parts: Clearance, version: Version, stranger: ec.EllipticCurvePrivateKey, stranger_pem: str
) -> None:
    key_id = trust(parts, stranger_pem, Purpose.CHECK)
    envelope = signed(stranger, version)
    with parts.database.write() as tx:
        made = service.add_statement(tx, ADA, envelope, model="car-loan", number=1)
    assert (made.signer, made.signer_name, made.envelope) == (key_id, "ci", envelope)


def untrusted(parts: Clearance, version: Version, key: ec.EllipticCurvePrivateKey, pem: str) -> Envelope:
    return signed(key, version)


def for_another_purpose(parts: Clearance, version: Version, key: ec.EllipticCurvePrivateKey, pem: str) -> Envelope:
    trust(parts, pem, Purpose.APPROVAL)
    return signed(key, version)


def by_a_revoked_key(parts: Clearance, version: Version, key: ec.EllipticCurvePrivateKey, pem: str) -> Envelope:
    key_id = trust(parts, pem, Purpose.CHECK)
    with parts.database.write() as tx:
        service.revoke_key(tx, ADA, key_id, "laptop stolen")
    return signed(key, version)


def unsigned(parts: Clearance, version: Version, key: ec.EllipticCurvePrivateKey, pem: str) -> Envelope:
    trust(parts, pem, Purpose.CHECK)
    made = signed(key, version)
    return Envelope(payload=made.payload, payloadType=made.payloadType, signatures=())


def changed_afterwards(parts: Clearance, version: Version, key: ec.EllipticCurvePrivateKey, pem: str) -> Envelope:
    trust(parts, pem, Purpose.CHECK)
    better = dsse.sign(statement.encode(check_result(version, "failed")), dsse.PAYLOAD_TYPE, key)
    made = signed(key, version)
    return Envelope(payload=better.payload, payloadType=made.payloadType, signatures=made.signatures)


def about_something_else(parts: Clearance, version: Version, key: ec.EllipticCurvePrivateKey, pem: str) -> Envelope:
    trust(parts, pem, Purpose.CHECK)
    return signed(key, register(parts, {"model.onnx": b"another"}))


def of_another_payload_type(parts: Clearance, version: Version, key: ec.EllipticCurvePrivateKey, pem: str) -> Envelope:
    trust(parts, pem, Purpose.CHECK)
    return signed(key, version, "application/json")


def without_the_fields_of_its_type(
    parts: Clearance, version: Version, key: ec.EllipticCurvePrivateKey, pem: str
) -> Envelope:
    trust(parts, pem, Purpose.CHECK)
    claim = statement.about("car-loan", 1, version.digest, predicates.CHECK, {"check": "performance"})
    return dsse.sign(statement.encode(claim), dsse.PAYLOAD_TYPE, key)


Make = Callable[[Clearance, Version, ec.EllipticCurvePrivateKey, str], Envelope]


@pytest.mark.parametrize(
    ("make", "kind", "code"),
    [
        (untrusted, VerificationFailed, "not_signed_by_trusted_key"),
        (for_another_purpose, VerificationFailed, "not_signed_by_trusted_key"),
        (by_a_revoked_key, VerificationFailed, "not_signed_by_trusted_key"),
        (unsigned, InvalidInput, "unsigned"),
        (changed_afterwards, VerificationFailed, "not_signed_by_trusted_key"),
        (about_something_else, VerificationFailed, "wrong_subject"),
        (of_another_payload_type, InvalidInput, "payload_type"),
        (without_the_fields_of_its_type, InvalidInput, "predicate_invalid"),
    ],
)
def test_a_statement_that_does_not_count_is_refused_and_nothing_is_written(
    parts: Clearance,
    version: Version,
    stranger: ec.EllipticCurvePrivateKey,
    stranger_pem: str,
    make: Make,
    kind: type[ClearanceError],
    code: str,
) -> None:
    envelope = make(parts, version, stranger, stranger_pem)
    before = leaves(parts)
    with pytest.raises(kind) as caught, parts.database.write() as tx:
        service.add_statement(tx, ADA, envelope, model="car-loan", number=1)
    assert caught.value.code == code
    assert leaves(parts) == before
    with parts.database.read() as tx:
        assert service.statements(tx, "car-loan", 1, revoked=True) == ()


def test_the_same_envelope_is_kept_once(parts: Clearance, version: Version) -> None:
    with parts.database.write() as tx:
        made = service.sign_and_add(tx, ADA, parts.keyring, check_result(version))
    with pytest.raises(Conflict, match="has this statement already"), parts.database.write() as tx:
        service.add_statement(tx, ADA, made.envelope, model="car-loan", number=1)


def test_a_statement_about_no_version_is_refused(parts: Clearance, version: Version) -> None:
    with parts.database.write() as tx:
        made = service.sign_and_add(tx, ADA, parts.keyring, check_result(version))
    with pytest.raises(NotFound), parts.database.write() as tx:
        service.add_statement(tx, ADA, made.envelope, model="car-loan", number=7)
    nameless = statement.about("car-loan", 1, version.digest, predicates.CHECK, {})
    wrong = statement.Statement(
        subject=(statement.Subject(name="model.onnx", digest=nameless.subject[0].digest),),
        predicate_type=nameless.predicate_type,
        predicate={},
    )
    with pytest.raises(InvalidInput, match="does not name a version"), parts.database.write() as tx:
        service.sign_and_add(tx, ADA, parts.keyring, wrong)


def test_what_a_revoked_key_signed_counts_no_more_but_can_be_seen(
    parts: Clearance, version: Version, stranger: ec.EllipticCurvePrivateKey, stranger_pem: str
) -> None:
    key_id = trust(parts, stranger_pem, Purpose.CHECK)
    with parts.database.write() as tx:
        service.add_statement(tx, ADA, signed(stranger, version), model="car-loan", number=1)
    with parts.database.write() as tx:
        revoked = service.revoke_key(tx, ADA, key_id, "laptop stolen")
    with parts.database.read() as tx:
        assert service.statements(tx, "car-loan", 1) == ()
        seen = service.statements(tx, "car-loan", 1, revoked=True)
    assert seen[0].revoked_at == revoked.revoked_at is not None
    with pytest.raises(Conflict, match="revoked already"), parts.database.write() as tx:
        service.revoke_key(tx, ADA, key_id, "again")
    with pytest.raises(Conflict, match="revoked already"), parts.database.write() as tx:
        service.trust_key(tx, ADA, NewKey(name="ci", pem=stranger_pem, purposes=(Purpose.CHECK,)))


def test_the_own_key_signs_nothing_once_it_is_revoked(parts: Clearance, version: Version) -> None:
    with parts.database.write() as tx:
        service.sign_and_add(tx, ADA, parts.keyring, check_result(version))
    with parts.database.write() as tx:
        service.revoke_key(tx, ADA, parts.keyring.key_id, "rotation")
    with pytest.raises(Conflict, match="own signing key was revoked") as caught, parts.database.write() as tx:
        service.sign_and_add(tx, ADA, parts.keyring, check_result(version, "failed"))
    assert caught.value.code == "signer_revoked"


@pytest.mark.parametrize(("name", "purposes", "code"), [(" ", (Purpose.CHECK,), "bad_name"), ("ci", (), "no_purpose")])
def test_a_key_without_name_or_purpose_is_refused(
    parts: Clearance, stranger_pem: str, name: str, purposes: tuple[Purpose, ...], code: str
) -> None:
    with pytest.raises(InvalidInput) as caught, parts.database.write() as tx:
        service.trust_key(tx, ADA, NewKey(name=name, pem=stranger_pem, purposes=purposes))
    assert caught.value.code == code


def test_an_unknown_key_can_not_be_revoked(parts: Clearance) -> None:
    with pytest.raises(NotFound), parts.database.write() as tx:
        service.revoke_key(tx, ADA, "0" * 64, "")


@pytest.mark.parametrize("column", ["envelope", "predicate_type", "signer"])
def test_a_statement_that_was_changed_in_the_database_is_found_when_it_is_read(
    parts: Clearance, version: Version, stranger_pem: str, column: str
) -> None:
    other = trust(parts, stranger_pem, Purpose.CHECK)
    with parts.database.write() as tx:
        made = service.sign_and_add(tx, ADA, parts.keyring, check_result(version))
    forged = dsse.sign(dsse.payload_of(made.envelope).replace(b"0.97", b"0.99"), dsse.PAYLOAD_TYPE, _other_key())
    changes = {"envelope": dsse.encode(forged), "predicate_type": predicates.APPROVAL, "signer": other}
    with parts.database.engine.connect().execution_options(clearance_write=True) as connection:
        connection.execute(sa.update(store.statements).values({column: changes[column]}))
        connection.commit()
    with pytest.raises(VerificationFailed) as caught, parts.database.read() as tx:
        service.statements(tx, "car-loan", 1)
    assert caught.value.code == "statement_corrupt"


def _other_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_provenance_is_told_in_the_shape_of_slsa(parts: Clearance, version: Version) -> None:
    with parts.database.write() as tx:
        made = service.attest_provenance(tx, ADA, parts.keyring, "car-loan", 1)
    definition, run = made.predicate["buildDefinition"], made.predicate["runDetails"]
    assert made.predicate_type == "https://slsa.dev/provenance/v1"
    assert definition["externalParameters"]["parameters"] == {"depth": 3, "rate": 0.1}
    assert definition["resolvedDependencies"] == [
        {
            "uri": "clearance:dataset/sha256:" + "d" * 64,
            "name": "loans",
            "digest": {"sha256": "d" * 64},
            "annotations": {"role": "training"},
        },
        {"uri": "git+https://example.org/loans", "digest": {"gitCommit": "c" * 40}},
        {"uri": "pkg:pypi/scikit-learn@1.9.0"},
    ]
    assert run["builder"]["id"] == "clearance:trainer/user:ada"
    assert run["metadata"]["finishedOn"] == "2026-01-05T09:00:00.000000Z"
