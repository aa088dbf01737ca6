"""Whose signatures count, and for what: trust and revoke keys."""

from __future__ import annotations

from clearance.access.model import SYSTEM, Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.evidence import keys, store
from clearance.evidence.keyring import Keyring
from clearance.evidence.keys import PublicKey
from clearance.evidence.model import NewKey, TrustedKey
from clearance.evidence.predicates import Purpose
from clearance.storage.database import Transaction

OWN_KEY = "clearance"
"""The name under which the installation trusts its own key."""


def trust_key(tx: Transaction, caller: Principal, new: NewKey) -> TrustedKey:
    """Let a key's signatures count from now on, for the purposes named.

    Raises:
        InvalidInput: not a public key that counts here, no name, or no purpose.
        Conflict: the key is known already, also when it was revoked: a revoked key never comes back.
    """
    if not new.name.strip() or len(new.name) > 100:
        raise InvalidInput("a key needs a name of 1 to 100 characters", code="bad_name")
    if not new.purposes:
        raise InvalidInput("a key needs a purpose", code="no_purpose", hint="one of " + ", ".join(Purpose))
    public_key = keys.parse_public(new.pem)
    return _trust(tx, caller, public_key, new.name.strip(), tuple(dict.fromkeys(new.purposes)))


def revoke_key(tx: Transaction, caller: Principal, key_id: str, reason: str) -> TrustedKey:
    """Let nothing that a key signed count any more, whenever it was signed.

    Raises:
        NotFound: no such key.
        Conflict: it is revoked already.
    """
    found = store.all_keys(tx).get(key_id)
    if found is None:
        raise NotFound(f"there is no key {key_id}", code="key_not_found", hint="`clearance keys list` shows all")
    if found.revoked_at is not None:
        raise Conflict(f"the key {found.name} is revoked already", code="key_revoked")
    store.revoke_key(tx, key_id, tx.now, reason)
    log.record(
        tx,
        Event.KEY_REVOKED,
        actor=caller.name,
        subject=f"key/{key_id}",
        data={"name": found.name, "reason": reason},
    )
    return store.all_keys(tx)[key_id]


def list_keys(tx: Transaction) -> tuple[TrustedKey, ...]:
    """Return every key, oldest first, revoked ones too."""
    return tuple(store.all_keys(tx).values())


def own_key(tx: Transaction, keyring: Keyring) -> TrustedKey:
    """Return the own key as trusted; the first time it is used, it is trusted for everything."""
    known = store.all_keys(tx).get(keyring.key_id)
    if known is None:
        tx.lock("evidence keys")  # two that use it first at once wait for each other
        known = store.all_keys(tx).get(keyring.key_id)
    if known is None:
        return _trust(tx, SYSTEM, keyring.private_key.public_key(), OWN_KEY, tuple(Purpose))
    if known.revoked_at is not None:
        raise Conflict(
            f"the own signing key was revoked on {known.revoked_at:%Y-%m-%d}",
            code="signer_revoked",
            hint="move keys/signer.pem away; a new key is made when the server starts again",
        )
    return known


def standing_keys(tx: Transaction, purpose: Purpose) -> dict[str, PublicKey]:
    """Return the keys that may sign for this purpose now, by id."""
    return {
        key.key_id: keys.parse_public(key.pem)
        for key in store.all_keys(tx).values()
        if key.revoked_at is None and purpose in key.purposes
    }


def _trust(
    tx: Transaction, caller: Principal, public_key: PublicKey, name: str, purposes: tuple[Purpose, ...]
) -> TrustedKey:
    tx.lock("evidence keys")
    key_id = keys.key_id(public_key)
    if (known := store.all_keys(tx).get(key_id)) is not None:
        state = "revoked" if known.revoked_at else "trusted"
        raise Conflict(f"this key is {state} already, as {known.name}", code="key_exists", hint="make a new key pair")
    made = TrustedKey(
        key_id=key_id,
        name=name,
        pem=keys.public_pem(public_key),
        purposes=purposes,
        trusted_at=tx.now,
        trusted_by=caller.name,
    )
    store.insert_key(tx, made)
    data = {"name": name, "purposes": purposes}
    log.record(tx, Event.KEY_TRUSTED, actor=caller.name, subject=f"key/{key_id}", data=data)
    return made
