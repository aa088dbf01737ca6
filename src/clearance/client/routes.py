"""The paths of the API: every name in them is quoted here, and one that nothing can be called is refused; pure."""

from __future__ import annotations

import re
from urllib.parse import quote

from clearance.errors import NotFound

_CALLED = {
    "aliases": "alias",
    "approvals": "request for approval",
    "runs": "run",
    "tlog": "file of the log",
}
"""What is called otherwise than the word before it without its s."""

_GAP = re.compile(r"(?P<word>[a-z-]+)/\{(?P<rest>\.\.\.)?\}")


def route(template: str, *names: str | int) -> str:
    """Return a path with names in its gaps: `/alerts/{}/acknowledge`; `{...}` takes a name that may be empty or have slashes.

    Raises:
        NotFound: a name is empty or has a slash, as nothing's has (`alert_not_found`, by the word before the gap).
    """
    left = iter(names)

    def fill(gap: re.Match[str]) -> str:
        name = str(next(left))
        return f"{gap['word']}/" + (_quoted(name) if gap["rest"] else _named(gap["word"], name))

    return _GAP.sub(fill, template)


def _named(word: str, name: str) -> str:
    if not name or "/" in name:
        thing = _CALLED.get(word, word.removesuffix("s"))
        raise NotFound(
            f"there is no {thing} {name[:120]!r}",
            code=f"{thing.rpartition(' ')[2]}_not_found",
            hint=f"nothing is called so: {'a name has no slash' if name else 'a name has at least one character'}",
        )
    return _quoted(name)


def _quoted(name: str) -> str:
    quoted = quote(name, safe=":")
    return quoted.replace(".", "%2E") if name in {".", ".."} else quoted  # else they are taken for folders
