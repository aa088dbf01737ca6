"""A prediction does not break because of governance: the gateway goes on with what it has while the database is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from clearance.access import service as access
from clearance.access.model import NewToken, Permission, Role, Scope
from clearance.access.sessions import REMEMBER_SECONDS
from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from tests.gateway.test_gateway import ADA, PACK, add_version, ask, promote
from tests.server.process import Server


@pytest.mark.postgres
def test_predictions_go_on_while_postgresql_is_away_and_none_is_lost(
    serve: Callable[..., Server], own_postgres: Any
) -> None:
    url = own_postgres.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server = serve(database_url=url, monitor_seconds="0")
    narrow = NewToken(
        name="caller", roles=(Role.DEVELOPER,), scope=Scope(permissions=(Permission.PREDICT,), models=("loans",))
    )
    with server.parts.database.write() as tx:
        policy.install_pack(tx, ADA, PackSource(source=PACK))
        registry.create_model(tx, ADA, NewModel(name="loans", owner="user:ada", team="lending"))
        tokens = [server.token, access.issue_token(tx, ADA, narrow).secret]
        stranger = access.issue_token(tx, ADA, NewToken(name="stranger", roles=(Role.DEVELOPER,))).secret
    add_version(server.parts, b"one")
    promote(server.parts, 1)
    server.start()
    callers = [
        httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {token}"}, timeout=30)
        for token in (*tokens, stranger)
    ]
    sent = [f"before-{number}" for number, http in enumerate(callers[:2]) if ask(http, f"before-{number}").is_success]
    assert len(sent) == 2
    own_postgres.stop()
    for turn in range(4):
        time.sleep(REMEMBER_SECONDS)  # so that each token would be asked for anew
        for number, http in enumerate(callers[:2]):
            answer = ask(http, f"away-{turn}-{number}")
            assert answer.status_code == 200, answer.text
            sent.append(f"away-{turn}-{number}")
    assert callers[0].get("/api/v1/models").status_code == 503
    assert ask(callers[2]).status_code == 503, "a token that was never good here"
    own_postgres.ensure_postgres_running()
    server.wait_for(lambda: callers[0].get("/api/v1/models").status_code == 200)
    for http in callers:
        http.close()
    server.end()
    kept = server.parts.lake.events("loans", columns=["request_id"])["request_id"].to_pylist()
    assert set(sent) <= set(kept)
