"""DSSE, the envelope that every statement travels in: sign, verify, name by digest; pure.

Format: github.com/secure-systems-lab/dsse, protocol and envelope version 1.0.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from clearance.errors import InvalidInput, VerificationFailed
from clearance.evidence import keys, strict
from clearance.evidence.keys import PrivateKey, PublicKey
from clearance.values import canonical_json, digest_of, value

PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""The payload type of in-toto statements."""


@value
class Signature:
    """One signature: `keyid` is only a hint whose it may be, `sig` base64."""

    sig: str
    keyid: str = ""


@value
class Envelope:
    """A signed payload: `payload` is base64; the names are those of the format."""

    payload: str
    payloadType: str  # noqa: N815  # the name in the DSSE format
    signatures: tuple[Signature, ...]


@value
class Verified:
    """The payload of an envelope and the key that vouches for it."""

    payload: bytes
    key_id: str


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, private_key: PrivateKey) -> Envelope:
    """Return the payload in an envelope with one signature, hinting at the key by its id."""
    signature = keys.sign(private_key, pae(payload_type, payload))
    return Envelope(
        payload=base64.b64encode(payload).decode(),
        payloadType=payload_type,
        signatures=(Signature(sig=base64.b64encode(signature).decode(), keyid=keys.key_id(private_key.public_key())),),
    )


def verify(envelope: Envelope, public_keys: Mapping[str, PublicKey]) -> Verified:
    """Return the payload once one of the keys (by id) is shown to have signed it.

    The hint in the envelope only orders the search: a wrong one does no harm, and a right one proves nothing.

    Raises:
        InvalidInput: the envelope holds no signature, or something that is not base64.
        VerificationFailed: none of the keys signed it (code `not_signed_by_trusted_key`).
    """
    payload = payload_of(envelope)
    if not envelope.signatures:
        raise InvalidInput(
            "the envelope is not signed", code="unsigned", hint="sign it with a key that `clearance keys list` shows"
        )
    signed = pae(envelope.payloadType, payload)
    for signature in envelope.signatures:
        blob = strict.unbase64(signature.sig, "the signature")
        hinted = [signature.keyid] if signature.keyid in public_keys else []
        for key_id in hinted + [known for known in public_keys if known not in hinted]:
            if keys.signed_by(public_keys[key_id], blob, signed):
                return Verified(payload=payload, key_id=key_id)
    hints = ", ".join(signature.keyid[:16] or "none" for signature in envelope.signatures)
    raise VerificationFailed(
        f"no key trusted for this signed it, or its payload was changed (key hint: {hints})",
        code="not_signed_by_trusted_key",
        hint="`clearance keys list` shows the keys and what each may sign",
        details={"keyids": [signature.keyid for signature in envelope.signatures]},
    )


def payload_of(envelope: Envelope) -> bytes:
    """Return the payload without checking any signature.

    Raises:
        InvalidInput: it is not base64.
    """
    return strict.unbase64(envelope.payload, "the payload")


def parse(text: bytes | str) -> Envelope:
    """Read an envelope from JSON; fields that the format does not know are dropped.

    Raises:
        InvalidInput: not JSON, or not an envelope; the message names the field.
    """
    return from_json(strict.loads(text, "the envelope"))


def from_json(found: Mapping[str, Any]) -> Envelope:
    """Read an envelope from a JSON object.

    Raises:
        InvalidInput: a field is missing or of the wrong kind; the message names it.
    """
    what = "the envelope"
    signatures = []
    for each in strict.field(found, "signatures", list, what):
        if not isinstance(each, dict):
            raise InvalidInput(f"{what}: a signature is not an object", code="field_kind")
        keyid = each.get("keyid") or ""
        signatures.append(
            Signature(sig=strict.field(each, "sig", str, "a signature of the envelope"), keyid=str(keyid))
        )
    return Envelope(
        payload=strict.field(found, "payload", str, what),
        payloadType=strict.field(found, "payloadType", str, what),
        signatures=tuple(signatures),
    )


def encode(envelope: Envelope) -> str:
    """Return the envelope as canonical JSON text: what is stored and whose digest names it."""
    return canonical_json(envelope).decode()


def digest(envelope: Envelope) -> str:
    """Return the digest that names the envelope."""
    return digest_of(envelope)
