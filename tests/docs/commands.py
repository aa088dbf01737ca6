"""Finds the commands of `clearance` that texts mention, and says what is wrong with one; walks the real command line."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import typer

from clearance.cli.main import COMMANDS, app
from tests.docs.pages import PAGES, ROOT, blocks, prose

SOURCES = sorted((ROOT / "src" / "clearance").rglob("*.py"))

_TICKED = re.compile(r"`clearance (?!\d)([^`]+)`")
"""A command in backticks; `clearance 0.1.0` is the program's version."""
_SHELL = re.compile(r"(?:^|[|&;(]\s*)clearance (.+)")
_WORD = re.compile(r"[a-z][a-z-]*")


class Mention(NamedTuple):
    """A command as it stands somewhere, without the word `clearance`."""

    where: str
    text: str


def in_pages() -> Iterator[Mention]:
    """Yield what Markdown mentions, in backticks and in shell blocks."""
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        text = prose(page)
        for found in _TICKED.finditer(text):
            yield Mention(f"{name}:{text.count(chr(10), 0, found.start()) + 1}", found[1])
        for block in blocks(page):
            if block.language in {"sh", "console"}:
                for offset, line in enumerate(block.text.replace("\\\n", " ").splitlines(), 1):
                    for found in _SHELL.finditer(line.removeprefix("$ ").strip()):
                        yield Mention(f"{name}:{block.line + offset}", found[1])


def in_sources() -> Iterator[Mention]:
    """Yield what strings of the program mention in backticks; what is filled in later stands as `X`."""
    for path in SOURCES:
        for node, text in _strings(ast.parse(path.read_text("utf-8"))):
            for found in _TICKED.finditer(text):
                yield Mention(f"{path.relative_to(ROOT)}:{node.lineno}", found[1])
    for path in sorted((ROOT / "src" / "clearance").rglob("*.html")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for found in re.finditer(r"<code>clearance ([^<]+)</code>", line):
                yield Mention(f"{path.relative_to(ROOT)}:{number}", re.sub(r"\{\{.*?\}\}", "X", found[1]))


def fault(text: str) -> str | None:
    """Say what is wrong with a command such as `models create NAME --owner me`, or None."""
    words = text.replace("\n", " ").split()
    while words and words[0].startswith("--"):
        option = words.pop(0)
        if option not in _options(_root()):
            return f"clearance has no option {option}"
        if option not in {"--help", "--version"}:
            words = words[1:]
    if not words or words[0] == "…":
        return None
    name, *rest = words
    if name not in COMMANDS:
        return f"there is no command {name!r}"
    command = _command(name)
    group: dict[str, Any] = getattr(command, "commands", {})
    if group and rest and _WORD.fullmatch(rest[0]):
        if rest[0] not in group:
            return f"`clearance {name}` has no command {rest[0]!r}"
        command = group[rest[0]]
    elif group and rest and not rest[0].startswith("-") and rest[0] not in {"…", "..."}:
        return f"`clearance {name}` needs one of {', '.join(group)}, not {rest[0]!r}"
    for word in rest:
        option = word.partition("=")[0].rstrip(",.;:)")
        if re.fullmatch(r"--?[a-z][a-z_-]*", option) and option not in _options(command):
            return f"`clearance {name} {rest[0]}` has no option {option}"
        if word in {"|", ">", "&&", "||"}:
            break
    return None


def _strings(tree: ast.AST) -> Iterator[tuple[Any, str]]:
    parts = {id(each) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node, "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node, node.value


@cache
def _root() -> Any:
    return typer.main.get_command(app)


@cache
def _command(name: str) -> Any:
    return typer.main.get_command(importlib.import_module(COMMANDS[name][0]).app)


def _options(command: Any) -> set[str]:
    given = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    return given | {"--help", "-h"}
