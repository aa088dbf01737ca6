"""Packs are put in force one after another, and no two contents share a name and version."""

from __future__ import annotations

from importlib import resources

import pytest

from clearance.app import Clearance
from clearance.errors import Conflict
from clearance.policy import service
from clearance.policy.pack import InstalledPack, PackSource
from tests.policy.registered import ADA
from tests.policy.samples import YAML

STRICTER = YAML.replace("{standard: 0.8}", "{standard: 0.99}")
STANDARD = (resources.files("clearance.policy") / "packs" / "standard.yaml").read_text(encoding="utf-8")


def install(parts: Clearance, source: str) -> InstalledPack:
    with parts.database.write() as tx:
        return service.install_pack(tx, ADA, PackSource(source=source))


def in_force(parts: Clearance, name: str) -> InstalledPack:
    with parts.database.read() as tx:
        return service.get_pack(tx, name)


@pytest.mark.parametrize("version", ["1", "0.9", "1.0"])
def test_other_content_under_a_name_needs_a_higher_version(sqlite_parts: Clearance, version: str) -> None:
    first = install(sqlite_parts, YAML)
    with pytest.raises(Conflict, match="version 1 of the pack own is in force with other content") as caught:
        install(sqlite_parts, STRICTER.replace('"1"', f'"{version}"'))
    assert caught.value.code == "pack_version"
    assert 'version: "2"' in caught.value.hint
    assert in_force(sqlite_parts, "own") == first
    assert install(sqlite_parts, STRICTER.replace('"1"', '"2"')) == in_force(sqlite_parts, "own")


def test_a_builtin_pack_is_replaced_by_a_higher_version_only(sqlite_parts: Clearance) -> None:
    builtin = in_force(sqlite_parts, "standard").pack.version
    own = YAML.replace("name: own", "name: standard")
    with pytest.raises(Conflict) as caught:
        install(sqlite_parts, own)
    assert caught.value.details == {"in_force": builtin, "given": "1"}
    assert in_force(sqlite_parts, "standard").pack.version == builtin
    install(sqlite_parts, own.replace('"1"', f'"{int(builtin) + 1}"'))
    assert len(in_force(sqlite_parts, "standard").pack.rules) == 1


def test_the_very_pack_that_is_in_force_is_not_installed_again(sqlite_parts: Clearance) -> None:
    for source in (STANDARD, STANDARD.replace("\n\n", "\n# a remark\n")):
        with pytest.raises(Conflict) as caught:
            install(sqlite_parts, source)
        assert caught.value.code == "pack_exists"
