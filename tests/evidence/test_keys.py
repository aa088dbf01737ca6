"""Which keys count, how they are named, and that the own one is kept to itself."""

from __future__ import annotations

import hashlib
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from clearance.errors import InvalidInput, VerificationFailed
from clearance.evidence import keys
from clearance.evidence.keyring import Keyring

RSA = rsa.generate_private_key(65537, 2048)
K1 = ec.generate_private_key(ec.SECP256K1())


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)]
)
def test_ecdsa_keys_survive_pem_and_sign(key: ec.EllipticCurvePrivateKey) -> None:
    public = keys.parse_public(keys.public_pem(key.public_key()))
    private = keys.parse_private(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert keys.signed_by(public, keys.sign(private, b"x"), b"x")
    assert not keys.signed_by(public, keys.sign(private, b"x"), b"y")


def test_ed25519_keys_survive_pem_and_sign() -> None:
    key = Ed25519PrivateKey.generate()
    public = keys.parse_public(keys.public_pem(key.public_key()))
    private = keys.parse_private(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert keys.signed_by(public, keys.sign(private, b"x"), b"x")
    assert not keys.signed_by(public, b"short", b"x")


@pytest.mark.parametrize("key", [RSA, K1])
def test_other_kinds_of_keys_are_refused(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(InvalidInput, match="not accepted"):
        keys.parse_public(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    with pytest.raises(InvalidInput, match="not accepted"):
        keys.parse_private(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_what_is_no_key_or_needs_a_password_is_refused() -> None:
    locked = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    for text in (b"hello", locked):
        with pytest.raises(InvalidInput, match="PEM"):
            keys.parse_private(text)
    with pytest.raises(InvalidInput, match="PEM"):
        keys.parse_public("hello")


def test_the_key_id_is_what_openssl_computes(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path / "keys")
    pem = tmp_path / "signer.pub"
    pem.write_text(keyring.public_pem)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", pem, "-outform", "DER"], capture_output=True, check=True
    ).stdout
    assert keyring.key_id == hashlib.sha256(der).hexdigest()


def test_the_own_key_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    first, second = Keyring(tmp_path / "keys"), Keyring(tmp_path / "keys")
    assert first.key_id == second.key_id
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    first.path.chmod(0o644)
    with pytest.raises(VerificationFailed, match="can be read by others"):
        _ = Keyring(tmp_path / "keys").key_id
