"""Artifact signatures against the public `model_signing` tool, in both directions, and after every kind of tampering."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, InvalidInput, VerificationFailed
from clearance.evidence import keys, oms, predicates, service
from clearance.evidence.model import NewKey
from clearance.evidence.predicates import Purpose
from clearance.registry import service as registry
from clearance.registry.model import Version
from tests.conftest import person
from tests.evidence.conftest import FILES, register

ADA = person("ada")


def tool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the real model_signing command."""
    return subprocess.run(
        [Path(sys.executable).with_name("model_signing"), *arguments], capture_output=True, text=True, check=False
    )


def write_tree(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def flip_a_byte(tree: Path) -> None:
    content = bytearray((tree / "model.onnx").read_bytes())
    content[3] ^= 1
    (tree / "model.onnx").write_bytes(content)


def add_a_file(tree: Path) -> None:
    (tree / "hook.py").write_text("import os")


def remove_a_file(tree: Path) -> None:
    (tree / "tokenizer" / "vocab.txt").unlink()


def rename_a_file(tree: Path) -> None:
    (tree / "model.onnx").rename(tree / "other.onnx")


@pytest.fixture
def bundle(sqlite_parts: Clearance) -> str:
    """The signature of car-loan/1 with the own key."""
    register(sqlite_parts)
    with sqlite_parts.database.write() as tx:
        return service.sign_artifact(
            tx, ADA, sqlite_parts.keyring, sqlite_parts.blobs, sqlite_parts.scratch(), "car-loan", 1
        ).bundle


def test_the_public_tool_verifies_what_we_sign_and_refuses_it_after_tampering(
    sqlite_parts: Clearance, bundle: str, tmp_path: Path
) -> None:
    (tmp_path / "model.sig").write_text(bundle)
    (tmp_path / "signer.pub").write_text(sqlite_parts.keyring.public_pem)
    check: list[str | Path] = ["--signature", tmp_path / "model.sig", "--public_key", tmp_path / "signer.pub"]
    whole = tool("verify", "key", write_tree(tmp_path / "tree"), *check)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    for tamper in (flip_a_byte, add_a_file, remove_a_file, rename_a_file):
        tree = write_tree(tmp_path / tamper.__name__)
        tamper(tree)
        refused = tool("verify", "key", tree, *check)
        assert refused.returncode != 0, tamper.__name__


def test_nothing_is_left_of_the_tree_that_was_signed(sqlite_parts: Clearance, bundle: str) -> None:
    assert list(sqlite_parts.scratch().iterdir()) == []


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: str(curve.name))
def test_what_the_public_tool_signs_verifies_here(
    sqlite_parts: Clearance, tmp_path: Path, curve: ec.EllipticCurve
) -> None:
    register(sqlite_parts)
    key = ec.generate_private_key(curve)
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signature = tmp_path / "model.sig"
    tree = write_tree(tmp_path / "tree")
    made = tool("sign", "key", tree, "--signature", signature, "--private_key", tmp_path / "key.pem")
    assert made.returncode == 0, made.stdout + made.stderr
    with pytest.raises(VerificationFailed, match="no key trusted"), sqlite_parts.database.write() as tx:
        service.add_artifact_signature(tx, ADA, signature.read_text(), model="car-loan", number=1)
    with sqlite_parts.database.write() as tx:
        pem = keys.public_pem(key.public_key())
        service.trust_key(tx, ADA, NewKey(name="ci", pem=pem, purposes=(Purpose.ARTIFACT,)))
        service.add_artifact_signature(tx, ADA, signature.read_text(), model="car-loan", number=1)
    with sqlite_parts.database.read() as tx:
        assert service.verify_artifact_signature(tx, "car-loan", 1).signer_name == "ci"


def signed_elsewhere(tmp_path: Path, files: dict[str, bytes], *options: str) -> tuple[str, dict[str, keys.PublicKey]]:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    tree = write_tree(tmp_path / "signed", files)
    made = tool("sign", "key", tree, "--signature", tmp_path / "sig", "--private_key", tmp_path / "key.pem", *options)
    assert made.returncode == 0, made.stdout + made.stderr
    return (tmp_path / "sig").read_text(), {keys.key_id(key.public_key()): key.public_key()}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (FILES | {"model.onnx": b"not really a grapH"}, "model.onnx is not the file that was signed"),
        (FILES | {"hook.py": b"import os"}, "hook.py was signed, but is not in the version"),
        ({"model.onnx": FILES["model.onnx"]}, "tokenizer/vocab.txt is not covered by the signature"),
    ],
)
def test_a_signature_over_other_files_is_refused_naming_the_first(
    version_files: dict[str, str], tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    bundle, trusted = signed_elsewhere(tmp_path, files)
    with pytest.raises(VerificationFailed, match=message):
        oms.verify(bundle, trusted, version_files)


@pytest.fixture
def version_files(sqlite_parts: Clearance) -> dict[str, str]:
    return {file.path: file.sha256 for file in register(sqlite_parts).files}


def test_files_that_the_tool_left_out_are_not_covered(tmp_path: Path, sqlite_parts: Clearance) -> None:
    with_git = FILES | {".gitattributes": b"*.onnx filter=lfs\n"}
    files = {file.path: file.sha256 for file in register(sqlite_parts, with_git).files}
    bundle, trusted = signed_elsewhere(tmp_path, with_git)
    with pytest.raises(VerificationFailed, match=r"\.gitattributes is not covered") as caught:
        oms.verify(bundle, trusted, files)
    assert "--no-ignore-git-paths" in caught.value.hint
    (tmp_path / "again").mkdir()
    whole, trusted = signed_elsewhere(tmp_path / "again", with_git, "--no-ignore-git-paths")
    assert oms.verify(whole, trusted, files) in trusted


def without_hint(bundle: dict[str, object]) -> None:
    bundle["verificationMaterial"] = {"publicKey": {}, "tlogEntries": []}


def other_media_type(bundle: dict[str, object]) -> None:
    bundle["mediaType"] = "application/json"


def no_envelope(bundle: dict[str, object]) -> None:
    del bundle["dsseEnvelope"]


def certificate(bundle: dict[str, object]) -> None:
    bundle["verificationMaterial"] = {"x509CertificateChain": {}}


@pytest.mark.parametrize("damage", [other_media_type, no_envelope, certificate])
def test_what_is_no_bundle_of_this_format_is_refused(
    sqlite_parts: Clearance, bundle: str, damage: Callable[[dict[str, object]], None]
) -> None:
    found = json.loads(bundle)
    damage(found)
    own = {sqlite_parts.keyring.key_id: sqlite_parts.keyring.private_key.public_key()}
    with pytest.raises(InvalidInput):
        oms.verify(json.dumps(found), own, {})


def test_a_bundle_of_an_older_tool_without_hint_is_tried_against_every_key(
    sqlite_parts: Clearance, bundle: str
) -> None:
    found = json.loads(bundle)
    without_hint(found)
    own = {sqlite_parts.keyring.key_id: sqlite_parts.keyring.private_key.public_key()}
    with sqlite_parts.database.read() as tx:
        files = {file.path: file.sha256 for file in registry.get_version(tx, "car-loan", 1).files}
    assert oms.verify(json.dumps(found), own, files) == sqlite_parts.keyring.key_id


def test_signing_is_recorded_and_tells_the_provenance_too(parts: Clearance, version: Version) -> None:
    with parts.database.write() as tx:
        made = service.sign_artifact(tx, ADA, parts.keyring, parts.blobs, parts.scratch(), "car-loan", 1)
    with parts.database.read() as tx:
        assert service.verify_artifact_signature(tx, "car-loan", 1) == made
        assert service.artifact_signature(tx, "car-loan", 1) == made
        entry = log.entries(tx, event=Event.ARTIFACT_SIGNED).items[0]
        assert [each.predicate_type for each in service.statements(tx, "car-loan", 1)] == [predicates.PROVENANCE]
    assert (entry.subject, entry.data["digest"], entry.data["artifact"]) == (
        "model/car-loan/1",
        made.digest,
        version.digest,
    )
    with pytest.raises(Conflict, match="signed by this key already"), parts.database.write() as tx:
        service.sign_artifact(tx, ADA, parts.keyring, parts.blobs, parts.scratch(), "car-loan", 1)


def test_a_changed_file_is_not_signed(parts: Clearance, version: Version) -> None:
    blob = parts.blobs.path(version.files[0].sha256)
    blob.chmod(0o600)
    blob.write_bytes(b"Not really a graph")
    with pytest.raises(VerificationFailed) as caught, parts.database.write() as tx:
        service.sign_artifact(tx, ADA, parts.keyring, parts.blobs, parts.scratch(), "car-loan", 1)
    assert caught.value.code == "blob_corrupt"
    with parts.database.read() as tx:
        assert service.artifact_signature(tx, "car-loan", 1) is None
    assert list(parts.scratch().iterdir()) == []


def test_an_unsigned_version_and_one_whose_signer_was_revoked_do_not_pass(parts: Clearance, version: Version) -> None:
    with pytest.raises(VerificationFailed, match="no signature by a trusted key"), parts.database.read() as tx:
        service.verify_artifact_signature(tx, "car-loan", 1)
    with parts.database.write() as tx:
        service.sign_artifact(tx, ADA, parts.keyring, parts.blobs, parts.scratch(), "car-loan", 1)
        service.revoke_key(tx, ADA, parts.keyring.key_id, "stolen")
    with pytest.raises(VerificationFailed) as caught, parts.database.read() as tx:
        service.verify_artifact_signature(tx, "car-loan", 1)
    assert caught.value.code == "artifact_unsigned"
