"""A token is remembered for a second, and no longer."""

from __future__ import annotations

import pytest

from clearance.access import service
from clearance.access.model import NewToken, Role
from clearance.access.sessions import REMEMBER_SECONDS, Sessions
from clearance.app import Clearance
from clearance.errors import Unauthenticated
from tests.conftest import person

ADA = person("ada")


def test_a_revoked_token_works_for_a_second_at_most(parts: Clearance) -> None:
    now = 100.0
    sessions = Sessions(parts.database, lambda: now)
    with parts.database.write() as tx:
        issued = service.issue_token(tx, ADA, NewToken(name="ci", roles=(Role.DEVELOPER,)))
    assert sessions.principal(issued.secret).name == "user:ci"
    with parts.database.write() as tx:
        service.revoke_token(tx, ADA, issued.token.id)
    assert sessions.principal(issued.secret).name == "user:ci"
    now += REMEMBER_SECONDS
    with pytest.raises(Unauthenticated, match="revoked"):
        sessions.principal(issued.secret)


def test_a_wrong_token_is_refused_each_time(parts: Clearance) -> None:
    sessions = Sessions(parts.database)
    for _ in range(2):
        with pytest.raises(Unauthenticated, match="not known"):
            sessions.principal("clr.tok_x.y")
