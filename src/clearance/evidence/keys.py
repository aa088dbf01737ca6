"""Public keys as files, names and checks: what kinds count, how a key is named, whether a signature is its own; pure."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from clearance.errors import InvalidInput

PrivateKey = ec.EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | Ed25519PublicKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
"""The hash that goes with each curve, as in OpenSSF Model Signing and securesystemslib."""

_HINT = "expected PEM of an ECDSA key on P-256, P-384 or P-521, or of an Ed25519 key"


def parse_public(pem: str) -> PublicKey:
    """Read a public key.

    Raises:
        InvalidInput: not PEM, or a kind of key that does not count here.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError) as error:
        raise InvalidInput("this is not a public key in PEM", code="bad_key", hint=_HINT) from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _HASHES:
        return key
    raise InvalidInput("this kind of public key is not accepted", code="bad_key", hint=_HINT)


def parse_private(pem: bytes) -> PrivateKey:
    """Read a private key that is not encrypted.

    Raises:
        InvalidInput: not PEM, encrypted, or a kind of key that does not count here.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise InvalidInput("this is not an unencrypted private key in PEM", code="bad_key", hint=_HINT) from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _HASHES:
        return key
    raise InvalidInput("this kind of private key is not accepted", code="bad_key", hint=_HINT)


def public_pem(key: PublicKey) -> str:
    """Return the key as PEM of its SubjectPublicKeyInfo: the one spelling that is stored and hashed."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(key: PublicKey) -> str:
    """Return the key's name: SHA-256 of its DER SubjectPublicKeyInfo, 64 hex digits."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def sign(key: PrivateKey, data: bytes) -> bytes:
    """Sign; ECDSA gives DER with the hash of its curve."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, ec.ECDSA(_HASHES[key.curve.name]))


def signed_by(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Tell whether this key made the signature over the data."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        else:
            key.verify(signature, data, ec.ECDSA(_HASHES[key.curve.name]))
    except InvalidSignature:
        return False
    return True
