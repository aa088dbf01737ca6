"""Signed checkpoints in the C2SP formats (tlog-checkpoint in a signed note), as pure functions over keys and bytes.

Formats: c2sp.org/tlog-checkpoint, c2sp.org/signed-note, c2sp.org/tlog-cosignature. A log signs with Ed25519, signature type
0x01; a witness with a timestamped one, type 0x04.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clearance.errors import InvalidInput, VerificationFailed

LOG = b"\x01"
"""Type of a log's Ed25519 signatures."""
WITNESS = b"\x04"
"""Type of a witness's timestamped Ed25519 signatures, cosignature/v1."""
_DASH = "— "
_NAMES = {LOG: "log", WITNESS: "witness"}


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
    """A name and a public key, as in the verifier string `name+hash+base64` of the signed-note format."""

    name: str
    key: Ed25519PublicKey
    kind: bytes = LOG

    @property
    def key_id(self) -> bytes:
        """Return the 4 bytes by which a signature line names its key."""
        return _key_id(self.name, self.key, self.kind)

    def text(self) -> str:
        """Return the verifier string, to be pinned by whoever checks the log."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self.kind + raw_public(self.key)).decode()}"


def parse_verifier(text: str, kind: bytes = LOG) -> Verifier:
    """Read a verifier string, of a log or (`kind=WITNESS`) of a witness.

    Raises:
        InvalidInput: it is not one, or its hash does not fit its key.
    """
    name, _, rest = text.strip().partition("+")
    hash_text, _, key_text = rest.partition("+")
    try:
        raw = base64.b64decode(key_text, validate=True)
        if not name or " " in name or len(raw) != 33 or raw[:1] != kind:
            raise ValueError("not an Ed25519 verifier of this kind")
        key = Ed25519PublicKey.from_public_bytes(raw[1:])
        if _key_id(name, key, kind).hex() != hash_text:
            raise ValueError("its hash is of another name or key")
    except ValueError as error:
        raise _bad_verifier(text, kind) from error
    return Verifier(name, key, kind)


def sign(checkpoint: Checkpoint, *keys: Ed25519PrivateKey) -> str:
    """Return the checkpoint as a signed note, with a line by each key under the log's name; Ed25519 signs the same each time."""
    body = checkpoint.body()
    lines = (_line(checkpoint.origin, _signing_id(checkpoint.origin, key) + key.sign(body.encode())) for key in keys)
    return f"{body}\n{''.join(lines)}"


def cosign(note: str, name: str, key: Ed25519PrivateKey, at: int) -> str:
    """Return a witness's signature line for a checkpoint it found to be consistent with all it saw before.

    Args:
        note: the signed checkpoint.
        name: of the witness.
        key: of the witness.
        at: seconds since 1970, which the signature vouches for too.
    """
    signature = key.sign(_cosigned(_split(note)[0], at))
    return _line(name, _key_id(name, key.public_key(), WITNESS) + at.to_bytes(8) + signature)


def parse(note: str) -> Checkpoint:
    """Return the checkpoint that a note carries, whoever signed it.

    Raises:
        VerificationFailed: malformed note.
    """
    lines = _split(note)[0].split("\n")
    if len(lines) < 4:
        raise _bad_note("it is not a signed checkpoint")
    try:
        size = int(lines[1])
        root = base64.b64decode(lines[2], validate=True)
    except ValueError as error:
        raise _bad_note("its size or root hash can't be read") from error
    if str(size) != lines[1] or size < 0 or len(root) != 32:
        raise _bad_note("its size or root hash can't be read")
    return Checkpoint(lines[0], size, root)


def verify(note: str, *verifiers: Verifier) -> Checkpoint:
    """Return the checkpoint that a signed note carries, once the signature of one of the verifiers is found and right.

    Args:
        note: the signed note.
        verifiers: keys of one log, the newest last.

    Raises:
        VerificationFailed: malformed note, another log's name, no signature by these keys, or a wrong one.
    """
    found = parse(note)
    body, _ = _split(note)
    newest = verifiers[-1]
    if found.origin != newest.name:
        raise _bad_note(f"it is of the log {found.origin!r}, not {newest.name!r}")
    for verifier in reversed(verifiers):
        for blob in _signatures(note, verifier):
            try:
                verifier.key.verify(blob, body.encode())
            except InvalidSignature as error:
                raise _bad_note("its signature is wrong") from error
            return found
    raise _bad_note(f"it has no signature by {newest.name} ({newest.key_id.hex()})")


def cosignatures(note: str, witnesses: Iterable[Verifier]) -> Mapping[str, int]:
    """Return the name of every witness of these whose cosignature on the note is right, with its time (seconds since 1970).

    Raises:
        VerificationFailed: the note is malformed. A cosignature that is wrong is not an error: it does not count.
    """
    body, _ = _split(note)
    found: dict[str, int] = {}
    for witness in witnesses:
        for blob in _signatures(note, witness):
            at = int.from_bytes(blob[:8])
            try:
                witness.key.verify(blob[8:], _cosigned(body, at))
            except InvalidSignature:
                continue
            found[witness.name] = max(at, found.get(witness.name, 0))
    return found


def raw_public(key: Ed25519PublicKey) -> bytes:
    """Return the 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _split(note: str) -> tuple[str, list[str]]:
    """Return the text of a note, with its last newline, and its signature lines."""
    body, separator, signatures = note.partition("\n\n")
    if not separator:
        raise _bad_note("it is not a signed checkpoint")
    return body + "\n", signatures.splitlines()


def _signatures(note: str, verifier: Verifier) -> Iterator[bytes]:
    """Yield what follows the key id in every signature line that names the verifier."""
    for line in _split(note)[1]:
        name, _, text = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or name != verifier.name:
            continue
        try:
            blob = base64.b64decode(text, validate=True)
        except ValueError as error:  # binascii.Error, or a letter that is not ASCII
            raise _bad_note("a signature line can't be read") from error
        if blob[:4] == verifier.key_id:
            yield blob[4:]


def _line(name: str, blob: bytes) -> str:
    return f"{_DASH}{name} {base64.b64encode(blob).decode()}\n"


def _cosigned(body: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{body}".encode()


@lru_cache(maxsize=8)
def _signing_id(name: str, key: Ed25519PrivateKey) -> bytes:
    """Return the id of a log's private key: deriving the public one takes as long as half a signature, in every commit."""
    return _key_id(name, key.public_key(), LOG)


def _key_id(name: str, key: Ed25519PublicKey, kind: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + raw_public(key)).digest()[:4]


def _bad_note(why: str) -> VerificationFailed:
    return VerificationFailed(f"the checkpoint does not verify: {why}", code="checkpoint_invalid")


def _bad_verifier(text: str, kind: bytes) -> InvalidInput:
    source = "clearance audit key" if kind == LOG else "clearance audit witness"
    return InvalidInput(
        f"{text[:80]!r} is not a {_NAMES[kind]} verifier",
        code="bad_verifier",
        hint=f"expected name+hash+base64, as `{source}` prints it",
    )
