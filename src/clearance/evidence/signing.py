"""Sign a version's files with the OpenSSF Model Signing library, so that its public tool verifies them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from clearance.evidence.keyring import Keyring
from clearance.registry.model import File
from clearance.storage.blobs import BlobStore


def sign_files(keyring: Keyring, blobs: BlobStore, scratch: Path, files: Sequence[File], name: str) -> str:
    """Return the bundle over the files, each verified against its digest before it is signed.

    Args:
        keyring: holds the key.
        blobs: holds the files.
        scratch: folder in which the tree is put together for as long as this takes.
        files: the version's manifest.
        name: what the signature calls the tree; only to be read.

    Raises:
        VerificationFailed: a stored file is not what its digest says (code `blob_corrupt`).
    """
    from model_signing.signing import Config, hashing

    with tempfile.TemporaryDirectory(dir=scratch, prefix="sign-") as folder:
        tree, bundle = Path(folder) / name, Path(folder) / "model.sig"
        blobs.materialize(files, tree)
        # Every file counts: the tool's default would leave git's own files unsigned, and those travel with the version too.
        every_file = hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
        signer = Config().use_elliptic_key_signer(private_key=keyring.path).set_hashing_config(every_file)
        signer.sign(tree, bundle)
        return bundle.read_text(encoding="utf-8")
