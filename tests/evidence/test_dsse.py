"""Envelopes against the specification's example and against securesystemslib, the reference implementation's home."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey

from clearance.errors import InvalidInput, VerificationFailed
from clearance.evidence import dsse, keys
from clearance.evidence.dsse import Envelope, Signature
from clearance.values import plain

PRIVATE_KEYS: dict[str, keys.PrivateKey] = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": Ed25519PrivateKey.generate(),
}
kinds = st.sampled_from(sorted(PRIVATE_KEYS))
payload_types = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


def known(*private_keys: keys.PrivateKey) -> dict[str, keys.PublicKey]:
    return {keys.key_id(key.public_key()): key.public_key() for key in private_keys}


def theirs(private: keys.PrivateKey) -> SSlibKey:
    return SSlibKey.from_crypto(private.public_key(), keyid=keys.key_id(private.public_key()))


def test_the_encoding_is_that_of_the_specifications_example() -> None:
    assert (
        dsse.pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(kinds, st.binary(max_size=200), payload_types)
def test_what_we_sign_verifies_with_securesystemslib(kind: str, payload: bytes, payload_type: str) -> None:
    private = PRIVATE_KEYS[kind]
    envelope = dsse.sign(payload, payload_type, private)
    TheirEnvelope.from_dict(plain(envelope)).verify([theirs(private)], 1)


@given(kinds, st.binary(max_size=200), payload_types)
def test_what_securesystemslib_signs_verifies_here(kind: str, payload: bytes, payload_type: str) -> None:
    private = PRIVATE_KEYS[kind]
    made = TheirEnvelope(payload, payload_type, {})
    made.sign(CryptoSigner(private, theirs(private)))
    found = dsse.verify(dsse.parse(json.dumps(made.to_dict())), known(private))
    assert (found.payload, found.key_id) == (payload, keys.key_id(private.public_key()))


@given(kinds, st.binary(min_size=1, max_size=50), st.data())
def test_a_flipped_bit_of_the_payload_is_refused_here_and_there(kind: str, payload: bytes, data: st.DataObject) -> None:
    private = PRIVATE_KEYS[kind]
    position = data.draw(st.integers(0, len(payload) * 8 - 1))
    flipped = bytearray(payload)
    flipped[position // 8] ^= 1 << position % 8
    signed = dsse.sign(payload, "text/plain", private)
    forged = Envelope(
        payload=dsse.sign(bytes(flipped), "text/plain", private).payload,
        payloadType="text/plain",
        signatures=signed.signatures,
    )
    with pytest.raises(VerificationFailed, match="no key trusted"):
        dsse.verify(forged, known(private))
    with pytest.raises(VerificationError):
        TheirEnvelope.from_dict(plain(forged)).verify([theirs(private)], 1)


@given(st.binary(max_size=200), payload_types, st.lists(st.tuples(st.binary(max_size=80), st.text(max_size=10))))
def test_an_envelope_survives_its_json(payload: bytes, payload_type: str, signed: list[tuple[bytes, str]]) -> None:
    signatures = tuple(Signature(sig=base64.b64encode(sig).decode(), keyid=keyid) for sig, keyid in signed)
    envelope = Envelope(payload=base64.b64encode(payload).decode(), payloadType=payload_type, signatures=signatures)
    assert dsse.parse(dsse.encode(envelope)) == envelope
    assert dsse.payload_of(envelope) == payload


def test_the_payload_type_is_part_of_what_is_signed() -> None:
    private = PRIVATE_KEYS["p256"]
    signed = dsse.sign(b"{}", "text/plain", private)
    with pytest.raises(VerificationFailed):
        dsse.verify(
            Envelope(payload=signed.payload, payloadType="text/html", signatures=signed.signatures), known(private)
        )


def test_a_wrong_key_hint_does_no_harm_and_the_right_hint_proves_nothing() -> None:
    right, wrong = PRIVATE_KEYS["p256"], PRIVATE_KEYS["ed25519"]
    signed = dsse.sign(b"{}", "text/plain", right)
    misled = Envelope(
        payload=signed.payload,
        payloadType=signed.payloadType,
        signatures=(Signature(sig=signed.signatures[0].sig, keyid=keys.key_id(wrong.public_key())),),
    )
    assert dsse.verify(misled, known(wrong, right)).key_id == keys.key_id(right.public_key())
    with pytest.raises(VerificationFailed):
        dsse.verify(misled, known(wrong))


def test_one_good_signature_among_others_is_enough() -> None:
    right, other = PRIVATE_KEYS["p256"], PRIVATE_KEYS["p384"]
    signed, others = dsse.sign(b"{}", "text/plain", right), dsse.sign(b"{}", "text/plain", other)
    both = Envelope(
        payload=signed.payload, payloadType=signed.payloadType, signatures=others.signatures + signed.signatures
    )
    assert dsse.verify(both, known(right)).payload == b"{}"


def test_an_envelope_without_signature_says_so() -> None:
    with pytest.raises(InvalidInput, match="not signed") as caught:
        dsse.verify(Envelope(payload="e30=", payloadType="text/plain", signatures=()), {})
    assert caught.value.code == "unsigned"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: Expecting value at line 1, column 1"),
        ('{"payload": "e30=",\n "payloadType": }', "line 2, column 17"),
        ("[]", "not a JSON object"),
        ('{"payload": "", "payload": "", "payloadType": "", "signatures": []}', "given twice"),
        ('{"payload": NaN}', "NaN is not JSON"),
        ('{"payloadType": "", "signatures": []}', "no field 'payload'"),
        ('{"payload": 1, "payloadType": "", "signatures": []}', "'payload' is not text"),
        ('{"payload": "", "payloadType": "", "signatures": {}}', "'signatures' is not a list"),
        ('{"payload": "", "payloadType": "", "signatures": ["x"]}', "a signature is not an object"),
        ('{"payload": "", "payloadType": "", "signatures": [{"keyid": "x"}]}', "no field 'sig'"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_malformed_envelope_is_refused_naming_what_is_wrong(text: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        dsse.parse(text)


@pytest.mark.parametrize("payload", ["not base64!", "e30", "e31="])  # the last has bits beyond its end
def test_base64_that_is_not_canonical_is_refused(payload: str) -> None:
    with pytest.raises(InvalidInput, match="base64"):
        dsse.payload_of(Envelope(payload=payload, payloadType="text/plain", signatures=()))
