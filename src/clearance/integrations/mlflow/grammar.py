"""The language in which MLflow's clients ask for models and versions, and for an order; pure.

    filter     = [comparison {"AND" comparison}]
    comparison = (attribute | tag) operator value
    attribute  = ["attribute."] name
    tag        = ("tag." | "tags.") (key | `key` | "key")
    value      = 'text' | "text" | number | ("'text'" {"," "'text'"})

A text is what stands between its quotes, letter by letter; in a list, what a Python literal would be. MLflow 3.17 reads
filters with a parser of SQL (`mlflow/utils/search_utils.py`): what it takes for a comparison is one here, with its messages.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clearance.integrations.mlflow.errors import ProtocolError, invalid

Text = str | int | tuple[str, ...]
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<list>\((?:[^()'"]++|'(?:\\.|[^'\\])*+'|"(?:\\.|[^"\\])*+")*+\))
    |(?P<text>'(?:''|\\'|[^'])*')
    |(?P<word>[^\W\d]\w*(?:\.(?:`[^`]*`|"[^"]*"|'[^']*'|\w+))*|`[^`]*`(?:\.(?:`[^`]*`|\w+))?|"[^"]*")
    |(?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<operator>[<>=~!]+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_LISTED = re.compile(r"""\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")\s*(,|$)""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = frozenset("\r\n\\'\"abfnrtvxuUN01234567")  # what a backslash changes in a Python literal
_ORDER = re.compile(r"(?P<key>[`\"\w.]+?)(?:\s+(?P<way>\w+))?")
_LONGEST = 100_000
_MOST_CLAUSES = 100
_OPERATORS = {"LIKE", "ILIKE", "RLIKE", "IN", "NOT IN", "NOT LIKE", "NOT ILIKE", "IS"}
_TAG_OPERATORS = ("=", "!=", "LIKE", "ILIKE")
_TEXT_OPERATORS = (*_TAG_OPERATORS, "IN", "NOT IN")
_NUMBER_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clause: of a tag or else an attribute, by its key."""

    tag: bool
    key: str
    operator: str
    value: Text


@dataclass(frozen=True, slots=True)
class Order:
    """What to sort by, and which way."""

    key: str
    ascending: bool


@dataclass(frozen=True, slots=True)
class Dialect:
    """What can be asked of one kind of thing.

    Attributes:
        attributes: what may be compared.
        numbers: those of them that are compared as numbers.
        listed: those that may be compared with a list.
        orders: what may be sorted by, with what each word stands for.
    """

    attributes: tuple[str, ...]
    numbers: frozenset[str]
    listed: frozenset[str]
    orders: Mapping[str, str]


MODELS = Dialect(
    attributes=("name",),
    numbers=frozenset(),
    listed=frozenset({"name"}),
    orders={"name": "name", "timestamp": "last_updated", "last_updated_timestamp": "last_updated"},
)
VERSIONS = Dialect(
    attributes=("name", "version_number", "run_id", "source_path"),
    numbers=frozenset({"version_number"}),
    listed=frozenset({"name", "run_id"}),
    orders={
        "name": "name",
        "version_number": "number",
        "creation_timestamp": "created",
        "last_updated_timestamp": "last_updated",
    },
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def parse_filter(dialect: Dialect, text: str) -> tuple[Comparison, ...]:
    """Return the clauses of a filter, all of which have to hold.

    Raises:
        ProtocolError: what is no filter of the dialect.
    """
    if len(text) > _LONGEST:
        raise invalid(f"Invalid filter: it has {len(text)} characters, and may have {_LONGEST}")
    clauses = list(_clauses(text))
    if text and not clauses:
        raise invalid(f"Invalid filter '{text[:100]}'. Could not be parsed.")
    if len(clauses) > _MOST_CLAUSES:
        raise invalid(f"Invalid filter: it has {len(clauses)} clauses, and may have {_MOST_CLAUSES}")
    return tuple(_comparison(dialect, tokens) for tokens in clauses)


def parse_orders(dialect: Dialect, texts: Sequence[str]) -> tuple[Order, ...]:
    """Return what to sort by.

    Raises:
        ProtocolError: what is no order of the dialect, or a key that stands there twice.
    """
    found: list[Order] = []
    for text in texts:
        parsed = _ORDER.fullmatch(text)
        if parsed is None:
            raise invalid(f"Invalid order_by clause '{text}'. Could not be parsed.")
        way = (parsed["way"] or "asc").lower()
        if way not in {"asc", "desc"}:
            raise invalid(f"Invalid ordering key in order_by clause '{text}'.")
        key = _unquoted(parsed["key"].removeprefix("attribute.")) if dialect is VERSIONS else parsed["key"]
        if key not in dialect.orders:
            raise invalid(f"Invalid order by key '{key}' specified. Valid keys are {_named(dialect.orders)}")
        if any(each.key == dialect.orders[key] for each in found):
            raise invalid(f"`order_by` contains duplicate fields: {list(texts)}")
        found.append(Order(dialect.orders[key], way == "asc"))
    return tuple(found)


def parse_page(token: str) -> int:
    """Return how many results came before the page that a token asks for.

    Raises:
        ProtocolError: what no answer gave as a token.
    """
    if not token:
        return 0
    try:
        found = json.loads(base64.b64decode(token, validate=True))
        offset = int(found["offset"])
    except binascii.Error:
        raise invalid("Invalid page token, could not base64-decode") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise invalid(f"Invalid page token, decoded value={token[:100]}") from None
    if not 0 < offset < 1 << 62:
        raise invalid(f"Invalid page token, parsed value={offset}")
    return offset


def page_token(offset: int) -> str:
    """Return the token for the page that begins after so many results."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def _clauses(text: str) -> Iterator[list[_Token]]:
    """Yield the tokens between one AND and the next."""
    clause: list[_Token] = []
    for found in _TOKEN.finditer(text):
        token = _Token(found.lastgroup or "other", found[0])
        if token.kind == "word" and token.text.upper() == "AND":
            if clause:
                yield clause
            clause = []
        elif token.kind != "space":
            clause.append(token)
    if clause:
        yield clause


def _comparison(dialect: Dialect, tokens: list[_Token]) -> Comparison:
    left, operator, *values = _joined(tokens)
    if left.kind != "word" or operator.kind != "operator" or len(values) != 1:
        raise invalid(f"Invalid clause(s) in filter string: {' '.join(token.text for token in tokens)[:500]}")
    tag, key = _identifier(dialect, left.text)
    value = _value(dialect, tag, key, values[0])
    return Comparison(tag, key, operator.text, _checked(dialect, tag, key, operator.text, value))


def _joined(tokens: list[_Token]) -> list[_Token]:
    """Return the tokens with operators that are words, or two words, as one; at least two."""
    made: list[_Token] = []
    for token in tokens:
        word = token.text.upper()
        if made and made[-1].kind == "operator" and made[-1].text == "NOT" and word in {"IN", "LIKE", "ILIKE"}:
            made[-1] = _Token("operator", f"NOT {word}")
        elif made and token.kind == "word" and (word in _OPERATORS or word == "NOT"):
            made.append(_Token("operator", word))
        else:
            made.append(token)
    return made if len(made) > 1 else [*made, _Token("other", "")]


def _identifier(dialect: Dialect, text: str) -> tuple[bool, str]:
    kind, dot, key = text.partition(".")
    if not dot or text[:1] in {"`", '"'}:
        kind, key = "attribute", text
    if kind not in {"attribute", "tag", "tags"}:
        raise invalid(f"Invalid entity type '{kind}'. Valid entity types are ('attribute', 'tag', 'tags')")
    if kind == "attribute":
        if key not in dialect.attributes:
            raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{_named(dialect.attributes)}'")
        return False, key
    return True, _unquoted(key)


def _value(dialect: Dialect, tag: bool, key: str, token: _Token) -> Text | float:
    if token.kind == "text" or (token.kind == "word" and token.text[0] == '"'):
        return token.text[1:-1]
    if token.kind == "word":
        raise invalid(
            f"Parameter value is either not quoted or unidentified quote types used for string value {token.text}. "
            "Use either single or double quotes."
        )
    if tag:
        raise invalid(f"Expected a quoted string value for tag (e.g. 'my-value'). Got value {token.text}")
    if token.kind == "list":
        if key not in dialect.listed:
            raise invalid(
                f"Only {sorted(dialect.listed)} attributes support comparison with a list of quoted string values."
            )
        return _list(token.text)
    if token.kind == "number" and dialect.numbers:
        if key not in dialect.numbers:
            raise invalid(f"Only the {_named(dialect.numbers)} attributes support comparison with numeric values.")
        return int(token.text) if re.fullmatch(r"-?\d+", token.text) else float(token.text)
    raise invalid(
        f"Expected a quoted string value or a list of quoted string values for attributes. Got value {token.text}"
    )


def _list(text: str) -> tuple[str, ...]:
    inner = text[1:-1].strip()
    if not inner:
        raise invalid(
            "While parsing a list in the query, expected a non-empty list of string values, but got empty list"
        )
    found: list[str] = []
    place = 0
    while place < len(inner):
        item = _LISTED.match(inner, place)
        try:
            found.append(_literal(item[1]) if item else "")
        except (ValueError, SyntaxError):  # an escape that is none
            item = None
        if item is None:
            raise invalid(
                "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list."
            )
        place = item.end()
    return tuple(found)


def _literal(text: str) -> str:
    """Return what Python reads in a string literal.

    A backslash before what it does not change stands for itself, as ever; Python 3.12 and later warn of it, which would put
    what a client asks for on the server's error output.
    """
    return str(ast.literal_eval(_ESCAPE.sub(lambda found: found[0] if found[1] in _ESCAPED else f"\\{found[0]}", text)))


def _checked(dialect: Dialect, tag: bool, key: str, operator: str, value: Text | float) -> Text:
    """Return the value if the operator can compare it."""
    if tag:
        if operator not in _TAG_OPERATORS:
            raise invalid(f"Invalid comparator for tag: {operator}")
    elif key in dialect.numbers:
        if operator not in _NUMBER_OPERATORS:
            raise invalid(f"Invalid comparator for attribute {key}: {operator}")
        return _number(key, value)
    elif operator not in _TEXT_OPERATORS or (operator.endswith("IN") and key not in dialect.listed):
        raise invalid(f"Invalid comparator for attribute: {operator}")
    elif operator.endswith("IN") != isinstance(value, tuple):
        raise invalid(f"Invalid value for attribute '{key}': {operator} compares with {_wanted(operator)}")
    assert not isinstance(value, float), "only numbers are compared with one"
    return value


def _wanted(operator: str) -> str:
    return "a list, such as ('a', 'b')" if operator.endswith("IN") else "one quoted string"


def _number(key: str, value: Text | float) -> int:
    wrong: ProtocolError = invalid(f"Invalid value for numeric attribute '{key}': {value!r}")
    if not isinstance(value, int | str):
        raise wrong
    try:
        number = int(value)
    except ValueError:
        raise wrong from None
    return max(-(1 << 31), min(number, (1 << 31) - 1))  # beyond all that a database's INTEGER can be: no version's


def _unquoted(text: str) -> str:
    for quotes in ("'\"", "`"):
        if len(text) > 1 and text[0] in quotes and text[-1] == text[0]:
            text = text[1:-1]
    return text


def _named(names: Collection[str]) -> str:
    return str(sorted(names))
