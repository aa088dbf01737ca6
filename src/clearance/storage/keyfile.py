"""Keys in files that only their owner can read, private ones as PEM; made once, even if two processes start together."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from clearance.errors import VerificationFailed

Key = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def load_or_create_ed25519(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key in the file, making it if there is none."""
    key = _load(path, Ed25519PrivateKey.generate)
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong_kind(path, "Ed25519")
    return key


def load_or_create_p256(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the ECDSA P-256 key in the file, making it if there is none."""
    key = _load(path, lambda: ec.generate_private_key(ec.SECP256R1()))
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _wrong_kind(path, "ECDSA")
    return key


def load_or_create_fernet(path: Path) -> Fernet:
    """Return what encrypts with the key in the file, making it if there is none."""
    return Fernet(_read(path, Fernet.generate_key))


def keep_ed25519(path: Path, key: Ed25519PrivateKey) -> None:
    """Write a key that was just made; a file that is there already is left alone."""
    _write_once(path, _pem(key))


def _load(path: Path, generate: Callable[[], Key]) -> object:
    return load_pem_private_key(_read(path, lambda: _pem(generate())), password=None)


def _read(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what is in a key file, which is made if there is none."""
    if not path.exists():
        _write_once(path, make())
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise VerificationFailed(
            f"{path} can be read by others", code="key_exposed", hint=f"chmod 600 {path}, and rotate the key"
        )
    return path.read_bytes()


def _wrong_kind(path: Path, kind: str) -> VerificationFailed:
    return VerificationFailed(
        f"{path} does not hold an {kind} key", code="key_kind", hint="put the right key file back"
    )


def _pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_once(path: Path, key: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # fails if another process was first: then its key is the key
    except FileExistsError:
        return
    finally:
        temporary.unlink()
