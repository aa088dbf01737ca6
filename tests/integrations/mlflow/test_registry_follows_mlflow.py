"""Whatever sequence of calls: Clearance's registry answers as a real MLflow server does, field by field and in its order."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.integrations.mlflow.both import Both, M, V, said
from tests.integrations.mlflow.calls import Answer

pytestmark = pytest.mark.xdist_group("mlflow-both")
_BOUNDED = settings(
    max_examples=20,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
_RUNS = count()
_PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]


def _mostly(usual: list[Any], odd: list[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for what is usual, and now and then odd."""
    return st.sampled_from(usual * (12 * len(odd) // len(usual) + 1) + odd)


NAMES = _mostly(
    [f"{{run}}{end}" for end in ("a", "A", "a_b", "é 'x🦊")],
    ["", " ", "a/b", "a:b", "..", "{run}./b", "{run}nobody"],
)
NUMBERS = _mostly(["1", "2", "3"], ["0", "-1", "+1", " 2 ", "02", "x", "1.0", "", "9" * 9])
KEYS = _mostly(["k", "K", "a b", "a/b", "ü"], ["", "a*b", "/a", "..", "k" * 251])
TEXTS = _mostly(["v", "", "ü\nb", "it's", "%"], ["v" * 100_001])
DESCRIPTIONS = st.sampled_from(["d", "", "ü\nb", None])
ALIASES = _mostly(["best", "Best", "a-b", "ü", "1"], ["latest", "LATEST", "v1", "V2", "a b", "a.b", "", "x" * 256])
STAGES = _mostly(["None", "Archived", "archived"], ["bogus", "", " None"])
TAGS = st.lists(st.fixed_dictionaries({"key": KEYS, "value": st.sampled_from(["v", "", "ü"])}), max_size=2)
SOURCES = st.one_of(
    st.sampled_from(["s3://b/m", "s3://b/m?q=1#f", "dbfs:/a b/ü", "S3://b", "/tmp/m", "models:/m-1", "s3://b/../m"]),
    st.tuples(NAMES, NUMBERS).map(lambda of: f"models:/{of[0]}/{of[1]}"),
    st.tuples(NAMES, ALIASES).map(lambda of: f"models:/{of[0]}@{of[1]}"),
    st.tuples(NAMES, st.sampled_from(["latest", "none", "Archived"])).map(lambda of: f"models:/{of[0]}/{of[1]}"),
)
_COMPARED = st.sampled_from(["name", "tags.k", "tags.`a b`", 'tag."a/b"'])
_CLAUSES = st.one_of(
    st.tuples(
        _COMPARED,
        st.sampled_from(["=", "!=", "LIKE", "ILIKE"]),
        st.sampled_from(["'{run}a'", "'{run}A%'", "'%b'", "'v'", "'%'", "''", "'{run}a_b'"]),
    ).map(" ".join),
    st.sampled_from(["name IN ('{run}a', '{run}A')", "name NOT IN ('{run}a')", "name < 'a'", "tags.k IN ('v')"]),
)
_OF_VERSIONS = st.sampled_from(["version_number >= 2", "run_id = 'r'", "source_path LIKE 's3://%'", "run_id IN ('r')"])
_ORDERS = ("name", "name DESC", "last_updated_timestamp", "last_updated_timestamp DESC")
_VERSION_ORDERS = (*_ORDERS, "version_number", "version_number DESC", "creation_timestamp DESC")


class SameAnswers(RuleBasedStateMachine):
    """Each rule sends one call to both; names stand for one run each, so that every run begins with nothing."""

    both: Both

    def __init__(self) -> None:
        super().__init__()
        self.run = f"run{next(_RUNS)}-"
        self.prompts: set[str] = set()

    def ask(self, method: str, path: str, **asked: Any) -> tuple[Answer, Answer]:
        ours, theirs = self.both.call(method, path, **_filled(asked, self.run))
        place = f"{method} {path} {asked}\n  ours   {ours}\n  theirs {theirs}"
        if theirs.status == 500:
            assert ours.status in {400, 404}, place
        else:
            assert (ours.status, ours.word) == (theirs.status, theirs.word), place
            assert _told(ours, path) == _told(theirs, path), place
        return ours, theirs

    @initialize()
    def begin(self) -> None:
        """Give two models versions, the older ones changed last, so that calls mean something and orders differ."""
        for name in ("{run}a", "{run}A"):
            self.ask("POST", M + "create", name=name)
            for version in ("1", "2"):
                self.ask("POST", V + "create", name=name, source=f"s3://b/{version}", run_id="r")
            self.ask("PATCH", V + "update", name=name, version="1", description="d")

    @rule(name=NAMES, tags=TAGS, description=DESCRIPTIONS, prompt=st.sampled_from([False] * 7 + [True]))
    def create_model(self, name: str, tags: list[Any], description: str | None, prompt: bool) -> None:
        tagged = tags + _PROMPT * prompt
        _, theirs = self.ask("POST", M + "create", name=name, tags=tagged, description=description)
        if prompt and theirs.status == 200:
            self.prompts.add(name)

    @rule(name=NAMES, new_name=NAMES)
    def rename_model(self, name: str, new_name: str) -> None:
        if name == new_name or name in self.prompts:
            return  # MLflow calls a model changed then, with all its versions; that it is called as before is no change here
        self.ask("POST", M + "rename", name=name, new_name=new_name)

    @rule(name=NAMES, description=DESCRIPTIONS)
    def describe_model(self, name: str, description: str | None) -> None:
        self.ask("PATCH", M + "update", name=name, description=description)

    @rule(name=NAMES)
    def delete_model(self, name: str) -> None:
        _, theirs = self.ask("DELETE", M + "delete", name=name)
        if theirs.status == 200:
            self.prompts.discard(name)

    @rule(name=NAMES, key=KEYS, value=TEXTS)
    def tag_model(self, name: str, key: str, value: str) -> None:
        self.ask("POST", M + "set-tag", name=name, key=key, value=value)

    @rule(name=NAMES, key=KEYS)
    def untag_model(self, name: str, key: str) -> None:
        self.ask("DELETE", M + "delete-tag", name=name, key=key)

    @rule(
        name=NAMES, source=SOURCES, run_id=st.sampled_from([None, None, "", "r"]), tags=TAGS, description=DESCRIPTIONS
    )
    def create_version(
        self, name: str, source: str, run_id: str | None, tags: list[Any], description: str | None
    ) -> None:
        if name in self.prompts:
            source, tags, run_id = "dummy-source", tags + _PROMPT, None  # what else a prompt may have differs, as told
        if source.startswith("/"):
            run_id = None  # MLflow looks at the run, which is none of ours
        asked = {"name": name, "source": source, "run_id": run_id, "tags": tags, "description": description}
        self.ask("POST", V + "create", **asked)

    @rule(name=NAMES, version=NUMBERS, description=DESCRIPTIONS)
    def describe_version(self, name: str, version: str, description: str | None) -> None:
        self.ask("PATCH", V + "update", name=name, version=version, description=description)

    @rule(name=NAMES, version=NUMBERS)
    def delete_version(self, name: str, version: str) -> None:
        self.ask("DELETE", V + "delete", name=name, version=version)

    @rule(name=NAMES, version=NUMBERS, key=KEYS, value=TEXTS)
    def tag_version(self, name: str, version: str, key: str, value: str) -> None:
        self.ask("POST", V + "set-tag", name=name, version=version, key=key, value=value)

    @rule(name=NAMES, version=NUMBERS, key=KEYS)
    def untag_version(self, name: str, version: str, key: str) -> None:
        self.ask("DELETE", V + "delete-tag", name=name, version=version, key=key)

    @rule(name=NAMES, version=NUMBERS, stage=STAGES)
    def move_version(self, name: str, version: str, stage: str) -> None:
        self.ask("POST", V + "transition-stage", name=name, version=version, stage=stage)

    @rule(name=NAMES, alias=ALIASES, version=NUMBERS)
    def set_alias(self, name: str, alias: str, version: str) -> None:
        self.ask("POST", M + "alias", name=name, alias=alias, version=version)

    @rule(name=NAMES, alias=ALIASES)
    def delete_alias(self, name: str, alias: str) -> None:
        self.ask("DELETE", M + "alias", name=name, alias=alias)

    @rule(name=NAMES, alias=ALIASES)
    def get_by_alias(self, name: str, alias: str) -> None:
        self.ask("GET", M + "alias", name=name, alias=alias)

    @rule(name=NAMES, stages=st.lists(STAGES, max_size=2))
    def get_model(self, name: str, stages: list[str]) -> None:
        self.ask("GET", M + "get", name=name)
        self.ask("GET", M + "get-latest-versions", name=name, stages=stages)

    @rule(name=NAMES, version=NUMBERS)
    def get_version(self, name: str, version: str) -> None:
        self.ask("GET", V + "get", name=name, version=version)
        self.ask("GET", V + "get-download-uri", name=name, version=version)

    @rule(clauses=st.lists(_CLAUSES, max_size=2), orders=st.lists(st.sampled_from(_ORDERS), max_size=2))
    def search_models(self, clauses: list[str], orders: list[str]) -> None:
        self._search(M, clauses, orders)

    @rule(
        clauses=st.lists(_CLAUSES | _OF_VERSIONS, max_size=2),
        orders=st.lists(st.sampled_from(_VERSION_ORDERS), max_size=2),
    )
    def search_versions(self, clauses: list[str], orders: list[str]) -> None:
        self._search(V, clauses, orders)

    def _search(self, kind: str, clauses: list[str], orders: list[str]) -> None:
        """Walk through all pages of two."""
        asked: dict[str, Any] = {"filter": " AND ".join(["name LIKE '{run}%'", *clauses]), "max_results": 2}
        if orders:
            asked["order_by"] = orders
        while True:
            ours, theirs = self.ask("GET", kind + "search", **asked)
            if theirs.status != 200:
                return
            assert ours.names == theirs.names, asked
            token = theirs.body.get("next_page_token")
            assert ours.body.get("next_page_token") == token
            if token is None:
                return
            asked["page_token"] = token


def _filled(asked: Any, run: str) -> Any:
    """Return what is asked with the run's own names in it, without what is not said."""
    if isinstance(asked, dict):
        return {key: _filled(child, run) for key, child in asked.items() if child is not None}
    if isinstance(asked, list):
        return [_filled(child, run) for child in asked]
    return asked.replace("{run}", run) if isinstance(asked, str) else asked


def _told(answer: Answer, path: str) -> Any:
    """Return what has to be the same: without the aliases of what was searched, and the SQL in a message."""
    body = dict(answer.body)
    if path == V + "search":
        body["model_versions"] = [
            {key: text for key, text in each.items() if key != "aliases"} for each in body.get("model_versions", [])
        ]
    told = said(body)
    if "message" in told:
        told["message"] = told["message"].partition(" Error: (raised")[0]
    return told


def test_every_sequence_of_calls_is_answered_as_mlflow_answers_it(servers: Both) -> None:
    machine = type("SameAnswersOfBoth", (SameAnswers,), {"both": servers})
    run_state_machine_as_test(machine, settings=_BOUNDED)
