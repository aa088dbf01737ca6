"""Use cases of packs: which are there, which applies, check one, install one."""

from __future__ import annotations

from functools import cache

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, NotFound
from clearance.policy import packs, store
from clearance.policy.pack import InstalledPack, PackSource
from clearance.storage.database import Transaction
from clearance.values import digest_of


def list_packs(tx: Transaction) -> tuple[InstalledPack, ...]:
    """Return the packs in force, in the order in which they are tried: installed ones, newest first, then built-in ones.

    An installed pack takes the place of the built-in one of its name.
    """
    installed = store.installed_packs(tx)
    names = {each.pack.name for each in installed}
    return (*installed, *(each for each in _builtin() if each.pack.name not in names))


def get_pack(tx: Transaction, name: str) -> InstalledPack:
    """Return the pack in force under a name.

    Raises:
        NotFound: there is none.
    """
    found = next((each for each in list_packs(tx) if each.pack.name == name), None)
    if found is None:
        raise NotFound(
            f"there is no pack {name[:80]}", code="pack_not_found", hint="`clearance policy packs` lists them"
        )
    return found


def pack_for(tx: Transaction, risk: str, environment: str) -> InstalledPack | None:
    """Return the pack that applies to a risk tier in an environment."""
    return packs.choose(list_packs(tx), risk, environment)


def check_pack(source: PackSource) -> InstalledPack:
    """Read a pack without installing it.

    Raises:
        InvalidInput: with line and column.
    """
    pack = packs.load(source.source, source.name)
    return InstalledPack(pack=pack, digest=digest_of(pack))


def install_pack(tx: Transaction, caller: Principal, source: PackSource) -> InstalledPack:
    """Install a pack; from now on it is tried before all others. Past decisions keep the pack they were made with.

    Raises:
        InvalidInput: with line and column.
        Conflict: this very pack is in force under its name already (`pack_exists`), or another that is not older
            (`pack_version`): decisions name a pack by its name and version, so no two contents may share them.
    """
    tx.lock("policy packs")
    checked = check_pack(source)
    if (present := next((each for each in list_packs(tx) if each.pack.name == checked.pack.name), None)) is not None:
        _check_newer(checked, present)
    store.keep_pack(tx, checked)
    installed = InstalledPack(pack=checked.pack, digest=checked.digest, installed_at=tx.now, installed_by=caller.name)
    store.install_pack(tx, installed)
    log.record(
        tx,
        Event.PACK_INSTALLED,
        actor=caller.name,
        subject=f"pack/{checked.pack.name}",
        data={"digest": checked.digest, "version": checked.pack.version},
    )
    return installed


def _check_newer(new: InstalledPack, present: InstalledPack) -> None:
    name, version = present.pack.name, present.pack.version
    if new.digest == present.digest:
        raise Conflict(f"the pack {name} is in force with this content already", code="pack_exists")
    if not packs.is_newer(new.pack.version, version):
        raise Conflict(
            f"version {version} of the pack {name} is in force with other content; this one says it is version"
            f" {new.pack.version}",
            code="pack_version",
            hint=f'write `version: "{packs.next_version(version)}"` or higher into it, or give it a name of its own',
            details={"in_force": version, "given": new.pack.version},
        )


@cache
def _builtin() -> tuple[InstalledPack, ...]:
    return tuple(InstalledPack(pack=pack, digest=digest_of(pack)) for pack in packs.builtin().values())
