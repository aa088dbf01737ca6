"""The installation's own signing key: ECDSA P-256, which both DSSE and OpenSSF Model Signing take."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from clearance.evidence import keys
from clearance.storage import keyfile


class Keyring:
    """The signer of this installation; its key file is made when it is first needed.

    Args:
        folder: where private keys lie, readable by their owner only.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "signer.pem"

    @cached_property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The key that signs artifacts and statements."""
        return keyfile.load_or_create_p256(self._path)

    @property
    def path(self) -> Path:
        """The private key's file, for libraries that want to read it themselves."""
        keyfile.load_or_create_p256(self._path)
        return self._path

    @property
    def public_pem(self) -> str:
        """The public key, PEM of its SubjectPublicKeyInfo."""
        return keys.public_pem(self.private_key.public_key())

    @property
    def key_id(self) -> str:
        """The key's name: SHA-256 of its DER SubjectPublicKeyInfo, 64 hex digits."""
        return keys.key_id(self.private_key.public_key())
