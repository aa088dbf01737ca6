"""Signed checkpoints in the C2SP formats (tlog-checkpoint in a signed note), as pure functions over keys and bytes.

Formats: c2sp.org/tlog-checkpoint, c2sp.org/signed-note. Ed25519 is signature type 0x01 there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clearance.errors import InvalidInput, VerificationFailed

_ED25519 = b"\x01"
_DASH = "— "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its name, how many leaves it has, and their root hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """Return the text that is signed: three lines, each ended by a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A log's name and public key, as in the verifier string `name+hash+base64` of the signed-note format."""

    name: str
    key: Ed25519PublicKey

    @property
    def key_id(self) -> bytes:
        """Return the 4 bytes by which a signature line names its key."""
        return _key_id(self.name, self.key)

    def text(self) -> str:
        """Return the verifier string, to be pinned by whoever checks the log."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + raw_public(self.key)).decode()}"


def parse_verifier(text: str) -> Verifier:
    """Read a verifier string.

    Raises:
        InvalidInput: it is not one, or its hash does not fit its key.
    """
    name, _, rest = text.strip().partition("+")
    hash_text, _, key_text = rest.partition("+")
    try:
        raw = base64.b64decode(key_text, validate=True)
        if not name or len(raw) != 33 or raw[:1] != _ED25519:
            raise ValueError("not an Ed25519 verifier")
        key = Ed25519PublicKey.from_public_bytes(raw[1:])
    except (ValueError, binascii.Error) as error:
        raise _bad_verifier(text) from error
    if _key_id(name, key).hex() != hash_text:
        raise _bad_verifier(text)
    return Verifier(name, key)


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Return the checkpoint as a signed note, under a key whose name is the log's origin."""
    body = checkpoint.body()
    signature = key.sign(body.encode())
    blob = _key_id(checkpoint.origin, key.public_key()) + signature
    return f"{body}\n{_DASH}{checkpoint.origin} {base64.b64encode(blob).decode()}\n"


def verify(note: str, verifier: Verifier) -> Checkpoint:
    """Return the checkpoint that a signed note carries, once the verifier's signature on it is found and right.

    Raises:
        VerificationFailed: malformed note, another log's name, no signature by this key, or a wrong one.
    """
    body, separator, signatures = note.partition("\n\n")
    lines = body.split("\n")
    if not separator or len(lines) < 3:
        raise _bad_note("it is not a signed checkpoint")
    try:
        size = int(lines[1])
        root = base64.b64decode(lines[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise _bad_note("its size or root hash can't be read") from error
    if str(size) != lines[1] or size < 0 or len(root) != 32:
        raise _bad_note("its size or root hash can't be read")
    if lines[0] != verifier.name:
        raise _bad_note(f"it is of the log {lines[0]!r}, not {verifier.name!r}")
    for line in signatures.splitlines():
        name, _, text = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or name != verifier.name:
            continue
        try:
            blob = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise _bad_note("a signature line can't be read") from error
        if blob[:4] != verifier.key_id:
            continue
        try:
            verifier.key.verify(blob[4:], (body + "\n").encode())
        except InvalidSignature as error:
            raise _bad_note("its signature is wrong") from error
        return Checkpoint(lines[0], size, root)
    raise _bad_note(f"it has no signature by {verifier.name} ({verifier.key_id.hex()})")


def raw_public(key: Ed25519PublicKey) -> bytes:
    """Return the 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _key_id(name: str, key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + raw_public(key)).digest()[:4]


def _bad_note(why: str) -> VerificationFailed:
    return VerificationFailed(f"the checkpoint does not verify: {why}", code="checkpoint_invalid")


def _bad_verifier(text: str) -> InvalidInput:
    return InvalidInput(
        f"{text[:80]!r} is not a log verifier",
        code="bad_verifier",
        hint="expected name+hash+base64, as `clearance audit key` prints it",
    )
