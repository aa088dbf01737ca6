"""Log-ins are kept per server, in a file that nobody else can read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from clearance.cli import logins
from clearance.cli.logins import Login
from clearance.errors import InvalidInput, VerificationFailed

ALICE = Login(name="user:alice", expires_at="2026-01-05T21:00:00Z", secret="cls.a.b")


def test_each_server_has_its_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert logins.find(home, "https://a") is None
    logins.keep(home, "https://a", ALICE)
    logins.keep(home, "https://b", ALICE)
    logins.forget(home, "https://a")
    assert (logins.find(home, "https://a"), logins.find(home, "https://b")) == (None, ALICE)
    assert [stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()] == [0o600]


def test_a_file_that_others_can_read_is_not_trusted(tmp_path: Path) -> None:
    logins.keep(tmp_path, "https://a", ALICE)
    (tmp_path / "logins.json").chmod(0o644)
    with pytest.raises(VerificationFailed, match="can be read by others"):
        logins.find(tmp_path, "https://a")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"https://a": 1}', '{"https://a": {"name": "x"}}'])
def test_a_damaged_file_is_said_to_be_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "logins.json"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(InvalidInput, match="it is damaged"):
        logins.find(tmp_path, "https://a")
