"""The private keys that sign the log: files beside each other, of which the database says which one signs now."""

from __future__ import annotations

import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clearance.audit.checkpoint import Verifier
from clearance.errors import ClearanceError, Conflict, VerificationFailed
from clearance.storage import keyfile


class LogKeys:
    """The keys of one log in a folder that every server process of the installation has; each is read once.

    Args:
        folder: holds `log.pem`, the first key, and `log-….pem`, those of rotations.
        origin: name of the log.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self.origin = origin
        self._known: dict[str, Ed25519PrivateKey] = {}
        self._loading = threading.Lock()

    def first(self) -> Verifier:
        """Return the verifier of the log's first key, which is made if there is none."""
        return self._add(keyfile.load_or_create_ed25519(self.folder / "log.pem"))

    def make(self) -> Verifier:
        """Make another key; it is on the disk when this returns, and signs nothing yet."""
        key = Ed25519PrivateKey.generate()
        made = Verifier(self.origin, key.public_key())
        keyfile.keep_ed25519(self.folder / f"log-{made.key_id.hex()}.pem", key)
        return self._add(key)

    def held(self) -> frozenset[str]:
        """Return the verifier strings of the keys that are in the folder now; none is made."""
        self._load()
        return frozenset(self._known)

    def signer(self, verifier: str) -> Ed25519PrivateKey:
        """Return the private key that belongs to a verifier string.

        Raises:
            VerificationFailed: the folder does not hold it.
            Conflict: the log has another name than the settings say.
        """
        found = self._known.get(verifier)
        if found is not None:
            return found
        self._load()
        if verifier in self._known:
            return self._known[verifier]
        raise self.missing(verifier)

    def missing(self, verifier: str) -> ClearanceError:
        """Return what to tell who needs a key that is not in the folder."""
        if (name := verifier.partition("+")[0]) != self.origin:
            return Conflict(
                f"this log has been called {name} since its first leaf, and the settings call it {self.origin}",
                code="log_origin_changed",
                hint=f"set CLEARANCE_LOG_ORIGIN={name}: a log keeps its name, as outsiders know it by that",
            )
        return VerificationFailed(
            f"the key that signs this log, {verifier}, is not in {self.folder}",
            code="log_key_missing",
            hint="copy the files log*.pem from the server that made it, or from the backup; every server needs them",
        )

    def _load(self) -> None:
        with self._loading:
            for path in sorted(self.folder.glob("log*.pem")):
                self._add(keyfile.load_or_create_ed25519(path))

    def _add(self, key: Ed25519PrivateKey) -> Verifier:
        verifier = Verifier(self.origin, key.public_key())
        self._known[verifier.text()] = key
        return verifier
