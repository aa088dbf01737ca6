"""OpenSSF Model Signing bundles: does a signature cover exactly these files? Checked on digests alone; pure.

Format: github.com/sigstore/model-transparency, docs/model_signing_format.md, signature v1.0 by an elliptic curve key. Making a
bundle is left to the `model_signing` library (see `signing`); checking one here needs no file, and none of its dependencies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from clearance.errors import InvalidInput, VerificationFailed
from clearance.evidence import dsse, keys, statement, strict
from clearance.evidence.keys import PublicKey

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"


def verify(bundle: str, public_keys: Mapping[str, PublicKey], files: Mapping[str, str]) -> str:
    """Return the id of the key that signed exactly these files.

    Args:
        bundle: the text of the signature file.
        public_keys: keys trusted for artifacts, by id.
        files: path → digest (`sha256:…`) of every file of the version.

    Raises:
        InvalidInput: not a bundle of this format.
        VerificationFailed: signed by another key, or over other files; the message names the first.
    """
    found = strict.loads(bundle, "the signature")
    if found.get("mediaType") != MEDIA_TYPE:
        raise InvalidInput(
            "the signature is not a Sigstore bundle v0.3", code="bad_bundle", hint="`model_signing sign key` makes one"
        )
    envelope = dsse.from_json(strict.field(found, "dsseEnvelope", dict, "the signature"))
    if envelope.payloadType != dsse.PAYLOAD_TYPE:
        raise InvalidInput(f"the signature's payload is {envelope.payloadType[:80]!r}", code="bad_bundle")
    verified = dsse.verify(envelope, _hinted(found, public_keys))
    _compare(_signed_files(verified.payload), files)
    return verified.key_id


def _hinted(bundle: Mapping[str, Any], public_keys: Mapping[str, PublicKey]) -> dict[str, PublicKey]:
    """Return the keys that the bundle's hint (SHA-256 of the PEM, hex) allows; all of them when it has none."""
    material = strict.field(bundle, "verificationMaterial", dict, "the signature")
    public_key = strict.field(material, "publicKey", dict, "the signature's verificationMaterial")
    hint = public_key.get("hint")
    return {
        key_id: key
        for key_id, key in public_keys.items()
        if not hint or hashlib.sha256(keys.public_pem(key).encode()).hexdigest() == hint
    }


def _signed_files(payload: bytes) -> dict[str, str]:
    claim = statement.decode(payload)
    if claim.predicate_type != PREDICATE_TYPE:
        raise InvalidInput(f"the signature is of the kind {claim.predicate_type[:80]!r}", code="bad_bundle")
    serialization = strict.field(claim.predicate, "serialization", dict, "the signature's predicate")
    if serialization.get("method") != "files" or serialization.get("hash_type") != "sha256":
        raise InvalidInput(
            "the files are signed by other digests than SHA-256 of whole files",
            code="bad_bundle",
            hint="sign with `model_signing sign key` and its default hashing",
        )
    signed: dict[str, str] = {}
    together = hashlib.sha256()
    for resource in strict.field(claim.predicate, "resources", list, "the signature's predicate"):
        name = strict.field(resource, "name", str, "a signed resource")
        digest = strict.field(resource, "digest", str, "a signed resource")
        if resource.get("algorithm") != "sha256" or name in signed:
            raise InvalidInput(f"the signature's entry for {name!r} is ambiguous", code="bad_bundle")
        signed[name] = f"sha256:{digest}"
        together.update(_hex(digest))
    if [subject.digest.get("sha256") for subject in claim.subject] != [together.hexdigest()]:
        raise VerificationFailed("the signature's subject is not the digest of its files", code="bundle_inconsistent")
    return signed


def _compare(signed: Mapping[str, str], files: Mapping[str, str]) -> None:
    for path in sorted(signed.keys() | files.keys()):
        if path not in signed:
            raise VerificationFailed(
                f"{path} is not covered by the signature",
                code="file_not_signed",
                hint="sign the whole tree; `model_signing` leaves out git's files unless told --no-ignore-git-paths",
            )
        if path not in files:
            raise VerificationFailed(f"{path} was signed, but is not in the version", code="file_missing")
        if signed[path] != files[path]:
            raise VerificationFailed(f"{path} is not the file that was signed", code="file_changed")


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise InvalidInput(f"{text[:80]!r} is not a digest in hex", code="bad_bundle") from error
