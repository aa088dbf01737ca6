"""The grammar of MLflow's filters, orders and page tokens: what is read, what is refused, and how long it may take."""

from __future__ import annotations

import string
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.integrations.mlflow.errors import ProtocolError
from clearance.integrations.mlflow.grammar import (
    MODELS,
    VERSIONS,
    Comparison,
    Dialect,
    Order,
    page_token,
    parse_filter,
    parse_orders,
    parse_page,
)

KEYS = st.text(string.ascii_letters + string.digits + "_. -/:ü", min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_characters="'\\", exclude_categories=["Cs"]), max_size=30)
LISTED = st.lists(
    st.text(st.characters(exclude_characters="'\\\n\r\x00", exclude_categories=["Cs"])), min_size=1, max_size=4
)


def quoted(value: object) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(f"'{each}'" for each in value) + ")"
    return str(value) if isinstance(value, int) else f"'{value}'"


def written(clause: Comparison) -> str:
    left = f"tags.`{clause.key}`" if clause.tag else clause.key
    return f"{left} {clause.operator} {quoted(clause.value)}"


def texts(key: str) -> st.SearchStrategy[Comparison]:
    return st.builds(
        Comparison,
        tag=st.just(False),
        key=st.just(key),
        operator=st.sampled_from(["=", "!=", "LIKE", "ILIKE"]),
        value=TEXTS,
    )


CLAUSES = st.one_of(
    texts("name"),
    texts("run_id"),
    texts("source_path"),
    st.builds(
        Comparison,
        tag=st.just(True),
        key=KEYS,
        operator=st.sampled_from(["=", "!=", "LIKE", "ILIKE"]),
        value=TEXTS,
    ),
    st.builds(
        Comparison,
        tag=st.just(False),
        key=st.sampled_from(["name", "run_id"]),
        operator=st.sampled_from(["IN", "NOT IN"]),
        value=LISTED.map(tuple),
    ),
    st.builds(
        Comparison,
        tag=st.just(False),
        key=st.just("version_number"),
        operator=st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        value=st.integers(-1000, 1_000_000),
    ),
)


@given(st.lists(CLAUSES, max_size=5), st.sampled_from([" AND ", " and ", "\nAnd\t"]))
def test_what_is_written_is_read_again(clauses: list[Comparison], between: str) -> None:
    assert parse_filter(VERSIONS, between.join(map(written, clauses))) == tuple(clauses)


@given(st.text(max_size=200), st.sampled_from([MODELS, VERSIONS]))
def test_whatever_comes_is_read_or_refused_in_the_words_of_the_protocol(text: str, dialect: Dialect) -> None:
    with suppress(ProtocolError):
        parse_filter(dialect, text)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("name = 'a'", Comparison(False, "name", "=", "a")),
        ('attribute.name like "%a"', Comparison(False, "name", "LIKE", "%a")),
        ("name='it''s'", Comparison(False, "name", "=", "it''s")),
        ("tag.owner != 'x'", Comparison(True, "owner", "!=", "x")),
        ("tags.a.b.c = 'x'", Comparison(True, "a.b.c", "=", "x")),
        ("tags.`a b/c` = 'x'", Comparison(True, "a b/c", "=", "x")),
        ("tags.\"a b\" ILIKE 'x'", Comparison(True, "a b", "ILIKE", "x")),
        ("name IN ('a', \"b\",)", Comparison(False, "name", "IN", ("a", "b"))),
        ("name not  in ('a')", Comparison(False, "name", "NOT IN", ("a",))),
        ("run_id IN('it\\'s')", Comparison(False, "run_id", "IN", ("it's",))),
        (r"name IN ('a\d', '\\\d\x41')", Comparison(False, "name", "IN", (r"a\d", r"\\dA"))),
        ("version_number >= 3", Comparison(False, "version_number", ">=", 3)),
        ("version_number = '3'", Comparison(False, "version_number", "=", 3)),
        ("version_number < 99999999999999999999", Comparison(False, "version_number", "<", 2147483647)),
    ],
)
def test_each_form_of_a_comparison_is_read(text: str, clause: Comparison) -> None:
    assert parse_filter(VERSIONS, text) == (clause,)


@pytest.mark.parametrize(
    ("dialect", "text", "why"),
    [
        (MODELS, "name = 'a' OR name = 'b'", "Invalid clause"),
        (MODELS, "(name = 'a')", "Invalid clause"),
        (MODELS, "name", "Invalid clause"),
        (MODELS, "name IS NULL", "either not quoted"),
        (MODELS, "'a' = name", "Invalid clause"),
        (MODELS, "tags.my-key = 'a'", "Invalid clause"),
        (MODELS, "name = 'a' 'b'", "Invalid clause"),
        (MODELS, "name = 'unfinished", "Invalid clause"),
        (MODELS, "   ", "Could not be parsed"),
        (MODELS, "Name = 'a'", "Invalid attribute key 'Name'"),
        (MODELS, "`name` = 'a'", "Invalid attribute key"),
        (MODELS, "version_number = 1", "Invalid attribute key"),
        (MODELS, "params.x = 'a'", "Invalid entity type 'params'"),
        (MODELS, "name = a", "either not quoted"),
        (MODELS, "name = 5", "Expected a quoted string value"),
        (MODELS, "tags.a = 5", "Expected a quoted string value for tag"),
        (MODELS, "tags.a IN ('x')", "Expected a quoted string value for tag"),
        (MODELS, "tags.a < 'x'", "Invalid comparator for tag: <"),
        (MODELS, "name < 'x'", "Invalid comparator for attribute: <"),
        (MODELS, "name == 'x'", "Invalid comparator for attribute: =="),
        (MODELS, "name IN ()", "empty list"),
        (MODELS, "name IN ('a' 'b')", "ill-formed list"),
        (MODELS, "name IN (a)", "ill-formed list"),
        (MODELS, "name IN ('\\x')", "ill-formed list"),
        (MODELS, "name IN 'a'", "compares with a list"),
        (MODELS, "name = ('a')", "compares with one quoted string"),
        (VERSIONS, "version_number = 1.5", "Invalid value for numeric attribute"),
        (VERSIONS, "version_number = 'x'", "Invalid value for numeric attribute"),
        (VERSIONS, "version_number LIKE '1'", "Invalid comparator for attribute version_number"),
        (VERSIONS, "version_number IN ('1')", "attributes support comparison with a list"),
        (VERSIONS, "run_id = 5", "attributes support comparison with numeric values"),
        (VERSIONS, "source_path IN ('a')", "attributes support comparison with a list"),
        (VERSIONS, "creation_timestamp > 5", "Invalid attribute key"),
        (MODELS, " AND ".join(["name = 'a'"] * 101), "may have 100"),
        (MODELS, "x" * 100_001, "may have 100000"),
    ],
)
def test_what_is_no_filter_is_refused_with_what_is_wrong(dialect: Dialect, text: str, why: str) -> None:
    with pytest.raises(ProtocolError, match=why) as refused:
        parse_filter(dialect, text)
    assert refused.value.word == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 99_000,
        "('a" * 33_000,
        "(a" * 49_000,
        "a.`" * 33_000,
        "name IN (" + "'a'," * 24_000,
        "\\'" * 49_000,
        "(,( " * 24_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_no_filter_keeps_the_server_busy(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(ProtocolError):
        parse_filter(MODELS, text)
    assert time.process_time() - begun < 10  # a few ms; hours where time grows faster than the text


def test_orders_are_read_with_their_way() -> None:
    assert parse_orders(MODELS, ["name DESC", "last_updated_timestamp"]) == (
        Order("name", False),
        Order("last_updated", True),
    )
    assert parse_orders(VERSIONS, ["attribute.version_number asc", "`name`"]) == (
        Order("number", True),
        Order("name", True),
    )


@pytest.mark.parametrize(
    ("dialect", "orders", "why"),
    [
        (MODELS, ["foo"], "Invalid order by key 'foo'"),
        (MODELS, ["version_number"], "Invalid order by key"),
        (MODELS, ["creation_timestamp"], "Invalid order by key"),
        (MODELS, ["name sideways"], "Invalid ordering key"),
        (MODELS, ["name DESC, timestamp"], "Could not be parsed"),
        (MODELS, [" name"], "Could not be parsed"),
        (MODELS, [""], "Could not be parsed"),
        (MODELS, ["timestamp", "last_updated_timestamp DESC"], "duplicate fields"),
        (VERSIONS, ["run_id"], "Invalid order by key"),
    ],
)
def test_what_is_no_order_is_refused(dialect: Dialect, orders: list[str], why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        parse_orders(dialect, orders)


@given(st.integers(1, 1 << 40))
def test_a_page_token_leads_to_its_page(offset: int) -> None:
    assert parse_page(page_token(offset)) == offset


@pytest.mark.parametrize(
    "token", ["x", "!!!!", "e30=", "bnVsbA==", "eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiAiYSJ9", "WzFd"]
)
def test_what_is_no_page_token_is_refused(token: str) -> None:
    with pytest.raises(ProtocolError, match="Invalid page token"):
        parse_page(token)
