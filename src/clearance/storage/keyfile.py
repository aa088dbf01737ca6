"""Private keys as PEM files that only their owner can read; made once, even if two processes start together."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from clearance.errors import VerificationFailed

K = TypeVar("K", Ed25519PrivateKey, ec.EllipticCurvePrivateKey)


def load_or_create_ed25519(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key in the file, making it if there is none."""
    return _load(path, Ed25519PrivateKey.generate, Ed25519PrivateKey)


def load_or_create_p256(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the ECDSA P-256 key in the file, making it if there is none."""
    return _load(path, lambda: ec.generate_private_key(ec.SECP256R1()), ec.EllipticCurvePrivateKey)


def _load(path: Path, generate: object, kind: type[K]) -> K:
    if not path.exists():
        assert callable(generate)
        _write_once(path, generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise VerificationFailed(
            f"{path} can be read by others", code="key_exposed", hint=f"chmod 600 {path}, and rotate the key"
        )
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, kind):
        raise VerificationFailed(f"{path} holds another kind of key than {kind.__name__}", code="key_kind")
    return key


def _write_once(path: Path, pem: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # fails if another process was first: then its key is the key
    except FileExistsError:
        return
    finally:
        temporary.unlink()
