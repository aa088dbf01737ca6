"""The same calls to Clearance and to a real MLflow server: the same answers, error codes and messages."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.integrations.mlflow.both import Both, M, V, said

pytestmark = pytest.mark.xdist_group("mlflow-both")
_SEED = 20261122


@pytest.fixture(scope="module")
def both(servers: Both) -> Both:
    _fill(servers)
    return servers


def _fill(both: Both) -> None:
    """Give both the same models, versions, tags and aliases."""
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    names = ("alpha", "Beta Model", "a_b", "a%b", "axb", "it's", "[x]", "A*", "z?", "é")
    for name in names:
        tags = [{"key": key, "value": text} for key, text in (("k", name[:1]), ("a b", "x"), ("K", "v"))][
            : len(name) % 4
        ]
        both.call("POST", M + "create", name=name, tags=tags)
        for number in range(len(name) % 4):
            source, run = f"s3://bucket/{name}", f"r{number}"
            both.call("POST", V + "create", name=name, source=source, run_id=run, tags=tags[:number])
    both.call(
        "POST", V + "create", name="alpha", source="runs:/r9/model", run_id="r9", run_link="http://r9", description="d"
    )
    both.call("POST", M + "create", name="prompt", tags=prompt)
    both.call("POST", V + "create", name="prompt", source="dummy-source", tags=prompt)
    both.call("POST", M + "alias", name="alpha", alias="best", version="1")


_NO_NEW_NAMES: tuple[Any, ...] = (
    *("alpha", "prompt", "", "  ", "a/b", "a:b", "..", ".", "./a", "a/../b", "/a"),
    *(None, 5, [], {}),
)
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    *(("POST", M + "create", {"name": name}) for name in _NO_NEW_NAMES),
    ("POST", M + "create", {}),
    ("POST", M + "create", {"name": [{"key": 5, "a": None}, 1.5]}),
    ("POST", M + "create", {"name": "t", "tags": "x"}),
    ("POST", M + "create", {"name": "t", "tags": [{"key": "a*b", "value": "1"}]}),
    ("POST", M + "create", {"name": "t", "tags": [{"key": "", "value": "1"}]}),
    ("POST", M + "create", {"name": "t", "tags": [{"key": "k" * 251, "value": "1"}]}),
    ("POST", M + "create", {"name": "t", "tags": [{"key": "k", "value": "1" * 100_001}]}),
    ("POST", M + "create", {"name": "alpha", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}),
    ("POST", M + "create", {"name": "made", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}], "x": 5}),
    *(("GET", M + "get", {"name": name}) for name in ("alpha", "Beta Model", "é", "nothing", "a/b", "")),
    ("GET", M + "get", {}),
    ("PATCH", M + "update", {"name": "alpha", "description": "new"}),
    ("PATCH", M + "update", {"name": "alpha"}),
    ("PATCH", M + "update", {"name": "nothing", "description": "new"}),
    ("POST", M + "rename", {"name": "nothing", "new_name": "x"}),
    ("POST", M + "rename", {"name": "alpha", "new_name": "a/b"}),
    ("POST", M + "rename", {"name": "alpha", "new_name": "  "}),
    ("POST", M + "rename", {"name": "alpha", "new_name": "alpha"}),
    ("POST", M + "rename", {"name": "alpha"}),
    *(
        ("POST", M + "set-tag", {"name": "alpha", "key": key, "value": value})
        for key, value in (
            ("k", "v"),
            ("k", ""),
            ("a b/c:d.e-f_g", "v"),
            ("a*", "v"),
            ("", "v"),
            (None, "v"),
            ("/x", "v"),
        )
    ),
    ("POST", M + "set-tag", {"name": "nothing", "key": "k", "value": "v"}),
    ("DELETE", M + "delete-tag", {"name": "alpha", "key": "k"}),
    ("DELETE", M + "delete-tag", {"name": "alpha", "key": "never"}),
    ("DELETE", M + "delete-tag", {"name": "nothing", "key": "k"}),
    *(
        ("POST", V + "create", {"name": "alpha", "source": source, **more})
        for source, more in (
            ("s3://bucket/x", {}),
            (
                "s3://bucket/x",
                {"run_id": "r", "run_link": "l", "description": "d", "tags": [{"key": "a", "value": "1"}]},
            ),
            ("runs:/r1/model", {}),
            ("runs:/r1/model", {"run_id": "r1"}),
            ("runs:/r1/model", {"run_id": "r2"}),
            ("runs://host/r1/model", {"run_id": "r1"}),
            ("/tmp/x", {}),
            ("file:///tmp/x", {}),
            ("s3://bucket/../x", {}),
            ("s3://bucket/%2e%2e/x", {}),
            ("s3://bucket//x/", {}),
            ("s3:/bucket/./x", {}),
            ("s3://bucket", {}),
            ("models:/alpha/1", {}),
            ("models:/alpha/1", {"run_id": "other"}),
            ("models:/alpha/99", {}),
            ("models:/nothing/1", {}),
            ("models:/alpha/latest", {}),
            ("models:/alpha@best", {}),
            ("models:/alpha@nothing", {}),
            ("models:/alpha/Bogus", {}),
            ("models:/alpha/None", {}),
            ("models:/prompt/1", {}),
            ("models:/m-1", {}),
            ("models:/", {}),
            ("models:/a/b/c", {}),
            ("models://host/alpha/1", {}),
            ("", {}),
        )
    ),
    ("POST", V + "create", {"name": "nothing", "source": "s3://bucket/x"}),
    ("POST", V + "create", {"name": "alpha"}),
    ("POST", V + "create", {"source": "s3://bucket/x"}),
    (
        "POST",
        V + "create",
        {"name": "prompt", "source": "s3://x/y", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]},
    ),
    *(
        ("GET", V + "get", {"name": "alpha", "version": text})
        for text in ("1", " 1 ", "١", "99", "0", "-1", "abc", "1.5", "")
    ),
    ("GET", V + "get", {"name": "nothing", "version": "1"}),
    ("GET", V + "get", {"name": "alpha"}),
    ("GET", V + "get-download-uri", {"name": "alpha", "version": "1"}),
    ("GET", V + "get-download-uri", {"name": "alpha"}),
    ("GET", V + "get-download-uri", {}),
    ("PATCH", V + "update", {"name": "alpha", "version": "1", "description": "new"}),
    ("PATCH", V + "update", {"name": "alpha", "version": "1"}),
    ("PATCH", V + "update", {"name": "alpha", "version": "99", "description": "new"}),
    ("POST", V + "set-tag", {"name": "alpha", "version": "1", "key": "k", "value": "v"}),
    ("POST", V + "set-tag", {"name": "alpha", "version": "1", "key": "k"}),
    ("POST", V + "set-tag", {"name": "alpha", "version": "99", "key": "k", "value": "v"}),
    ("DELETE", V + "delete-tag", {"name": "alpha", "version": "1", "key": "k"}),
    ("DELETE", V + "delete-tag", {"name": "alpha", "version": "1", "key": "never"}),
    ("DELETE", V + "delete-tag", {"name": "alpha", "version": "x", "key": "k"}),
    *(
        ("POST", M + "alias", {"name": "alpha", "alias": alias, "version": "1"})
        for alias in (
            "best",
            "Best",
            "a-b_c",
            "é",
            "latest",
            "LATEST",
            "v1",
            "V12",
            "v1x",
            "a b",
            "a.b",
            "",
            None,
            "x" * 256,
        )
    ),
    ("POST", M + "alias", {"name": "alpha", "alias": "best", "version": "99"}),
    ("POST", M + "alias", {"name": "nothing", "alias": "best", "version": "1"}),
    ("POST", M + "alias", {"name": "alpha", "alias": "best"}),
    *(
        ("GET", M + "alias", {"name": "alpha", "alias": alias})
        for alias in ("best", "nothing", "Latest", "a b", "v1", "")
    ),
    ("GET", M + "alias", {"name": "nothing", "alias": "best"}),
    ("GET", M + "alias", {"name": "z?", "alias": "best"}),
    ("DELETE", M + "alias", {"name": "alpha", "alias": "Best"}),
    ("DELETE", M + "alias", {"name": "alpha", "alias": "never"}),
    ("DELETE", M + "alias", {"name": "alpha", "alias": "a b"}),
    ("DELETE", M + "alias", {"name": "nothing", "alias": "best"}),
    *(
        ("POST", V + "transition-stage", {"name": "alpha", "version": "1", "stage": stage})
        for stage in ("Archived", "NONE", "archived", "bogus", "", None)
    ),
    ("POST", V + "transition-stage", {"name": "alpha", "version": "99", "stage": "None"}),
    (
        "POST",
        V + "transition-stage",
        {"name": "alpha", "version": "1", "stage": "None", "archive_existing_versions": "x"},
    ),
    *(
        ("POST", M + "get-latest-versions", {"name": "alpha", "stages": stages})
        for stages in (None, [], ["None"], ["Staging"], ["bogus"], ["archived", "None"], "None", [5])
    ),
    ("GET", M + "get-latest-versions", {"name": "alpha", "stages": ["None", "Archived"]}),
    ("GET", M + "get-latest-versions", {"name": "nothing"}),
    ("GET", M + "search", {"max_results": 1001}),
    ("GET", M + "search", {"max_results": "x"}),
    ("GET", V + "search", {"max_results": 200_001}),
    ("GET", V + "search", {"page_token": "!"}),
    ("DELETE", V + "delete", {"name": "alpha", "version": "2"}),
    ("DELETE", V + "delete", {"name": "alpha", "version": "2"}),
    ("GET", V + "get", {"name": "alpha", "version": "2"}),
    ("DELETE", V + "delete", {"name": "alpha", "version": "x"}),
    ("DELETE", M + "delete", {"name": "made"}),
    ("DELETE", M + "delete", {"name": "made"}),
    ("POST", V + "create", {"name": "made", "source": "s3://bucket/x"}),
    ("GET", M + "get", {"name": "alpha"}),
    *(("GET", V + "get", {"name": "alpha", "version": text}) for text in ("+99", " 99 ", "099", "9_9", "٩٩")),
    *(
        ("POST", V + "create", {"name": "alpha", "source": source})
        for source in ("models:/alpha@latest", "models:/alpha@a.b", "models:/@best", "models:/prompt/99")
    ),
    # what is looked at first, where more than one thing is wrong
    ("POST", V + "create", {"name": "a:b", "source": "s3://bucket/../x"}),
    ("POST", V + "create", {"name": "a:b", "source": "models:/nothing/1"}),
    ("POST", V + "create", {"name": "alpha", "source": "models:/nothing/1", "tags": [{"key": "a*b", "value": "1"}]}),
    ("POST", M + "set-tag", {"name": "a:b", "key": "a*b", "value": "v"}),
    ("DELETE", M + "delete-tag", {"name": "a:b", "key": "a*b"}),
    ("POST", V + "set-tag", {"name": "alpha", "version": "x", "key": "a*b", "value": "v"}),
    ("DELETE", V + "delete-tag", {"name": "a:b", "version": "x", "key": "a*b"}),
    ("DELETE", V + "delete", {"name": "a:b", "version": "x"}),
    # a copy knows where its bytes are when its original is called otherwise, and when there is none any more
    ("POST", M + "create", {"name": "original"}),
    ("POST", V + "create", {"name": "original", "source": "s3://bucket/original", "run_id": "r7"}),
    ("POST", M + "create", {"name": "copy"}),
    ("POST", V + "create", {"name": "copy", "source": "models:/original/1"}),
    ("POST", V + "create", {"name": "copy", "source": "models:/copy/1"}),
    ("POST", M + "rename", {"name": "original", "new_name": "renamed"}),
    ("GET", V + "get-download-uri", {"name": "copy", "version": "1"}),
    ("DELETE", M + "delete", {"name": "renamed"}),
    *(("GET", V + "get-download-uri", {"name": "copy", "version": version}) for version in ("1", "2")),
    ("GET", V + "get", {"name": "copy", "version": "2"}),
    # any tag of prompts makes one, for the words of this refusal
    ("POST", M + "create", {"name": "alpha", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "false"}]}),
    ("POST", M + "create", {"name": "no prompt", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "false"}]}),
    ("POST", M + "create", {"name": "no prompt"}),
]


def test_each_call_is_answered_as_mlflow_answers_it(both: Both) -> None:
    differing = []
    for method, path, asked in CALLS:
        ours, theirs = both.call(method, path, **asked)
        codes = (ours.status, ours.word) == (theirs.status, theirs.word)
        bodies = said(ours.body) == said(theirs.body) or "max_results" in asked or "page_token" in asked
        if not (codes and bodies):
            differing.append(f"{method} {path} {asked}\n  ours   {ours}\n  theirs {theirs}")
    assert not differing, "\n".join(differing)


@pytest.mark.parametrize(
    ("method", "path", "asked"),
    [
        ("GET", V + "get", {"name": "alpha", "version": "9" * 20}),
        (
            "POST",
            V + "transition-stage",
            {"name": "alpha", "version": "1", "stage": "None", "archive_existing_versions": True},
        ),
        ("POST", V + "create", {"name": "alpha", "source": "models:/alpha/Production"}),
        ("GET", M + "search", {"filter": "name IN (a)"}),
        ("GET", M + "search", {"filter": "tags.k IS NULL"}),
        ("GET", M + "search", {"order_by": ["name", "name"]}),
    ],
)
def test_where_mlflow_blames_itself_and_its_client_asks_for_minutes_the_caller_is_told_at_once(
    both: Both, method: str, path: str, asked: dict[str, Any]
) -> None:
    ours, theirs = both.call(method, path, **asked)
    assert theirs.status == 500
    assert ours.status in {400, 404}


_VALUES = [
    "%",
    "a%",
    "_",
    "A%",
    "%b",
    "%'%",
    "%[x]",
    "%*",
    "x",
    "X",
    "v",
    "a_b",
    "",
    "r1",
    "R1",
    "s3://%",
    "true",
    "alpha",
    "é",
]
_ATTRIBUTES = ["name"] * 6 + ["tags.k", "tags.`a b`", "tags.K"] * 2 + ["tag.k", 'tags."a b"', "attribute.name"]
_ODD = ["Name", "foo", "params.x", "`name`", "tags.mlflow.prompt.is_prompt", "creation_timestamp"]
_OF_VERSIONS = ["version_number", "run_id", "source_path"] * 3


def _clause(chance: random.Random, kind: str) -> str:
    left = chance.choice(_ATTRIBUTES + _ODD + (_OF_VERSIONS if kind == V else []))
    operator = chance.choices(
        ["=", "!=", "LIKE", "ILIKE", "like", "IN", "NOT IN", "<", "=="], [16, 12, 16, 12, 4, 8, 6, 2, 1]
    )[0]
    quote = chance.choice("'''\"")
    if operator.endswith("IN"):
        listed = [chance.choice(["r0", "r1", "alpha", "axb", "é"]) for _ in range(chance.randrange(4))]
        right = (
            "("
            + ", ".join(f"{quote}{each}{quote}" for each in listed)
            + chance.choice(["", "", ","]) * bool(listed)
            + ")"
        )
    elif left == "version_number":
        right = chance.choice(["1", "2", "'1'", "'x'", "1.5", "-1", "3"])
    else:
        right = chance.choice([f"{quote}{chance.choice(_VALUES)}{quote}"] * 40 + ["x", "5", "`x`", "('a')"])
    space = chance.choice([" ", " ", "\n"] if operator[0].isalpha() else [" ", " ", ""])
    return f"{left}{space}{operator}{space}{right}"


def test_any_filter_and_order_finds_what_mlflow_finds_or_is_refused_as_there(both: Both) -> None:
    chance = random.Random(_SEED)
    orders = [
        "name",
        "name ASC",
        "name DESC",
        "name  desc",
        "foo",
        "name foo",
        " name",
        "version_number DESC",
        "`name`",
        "",
    ]
    differing, found = [], 0
    for _ in range(400):
        kind = chance.choice([M, V])
        clauses = [_clause(chance, kind) for _ in range(chance.choice([0, 1, 1, 1, 2, 3]))]
        asked: dict[str, Any] = {
            "filter": chance.choice([" AND ", " and ", "\nAnd "]).join(clauses),
            "order_by": [chance.choice(orders)] if chance.random() < 0.3 else ["name ASC"],
            "max_results": chance.choice([1, 2, 100, 100, 100]),
        }
        ours, theirs = both.call("GET", kind + "search", **asked)
        if theirs.status == 500 or "sqlite3." in theirs.body.get("message", ""):
            same = ours.status == 400
        elif theirs.status == 200:
            same = ours.status == 200 and ours.names == theirs.names
            same = same and ours.body.get("next_page_token") == theirs.body.get("next_page_token")
            found += 1
        else:
            same = (ours.status, ours.word) == (theirs.status, theirs.word)
        if not same:
            differing.append(f"{kind}{asked}\n  ours   {ours}\n  theirs {theirs}")
    assert not differing, "\n".join(differing)
    assert found > 100, "too few of the filters mean anything"
