"""Runs docs/get-started.md as its reader would: every file is saved, every command run in order, every output seen."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks

PAGE = ROOT / "docs" / "get-started.md"
_PORT = "8780"
_WAIT = """for _ in $(seq 100); do curl -sf http://127.0.0.1:{port}/health > /dev/null && break; sleep 0.1; done
curl -sf http://127.0.0.1:{port}/health > /dev/null || {{ cat "$HOME/server.log"; exit 1; }}"""


@pytest.mark.story
def test_every_command_of_get_started_works_and_shows_what_the_page_says(tmp_path: Path) -> None:
    if not os.environ.get("CI") and (missing := [tool for tool in ("curl", "git") if shutil.which(tool) is None]):
        pytest.skip(f"the page needs {missing[0]}")
    found = [block for block in blocks(PAGE) if block.marker != "skip"]
    run = subprocess.run(
        ["bash", "-c", _script(found, _free_port())],
        cwd=_checkout(tmp_path),
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = _by_line(run.stdout)
    last = list(said.items())[-1] if said else (0, "")
    assert run.returncode == 0, f"{PAGE.name}:{last[0]} failed\n{last[1][-3000:]}\n{run.stderr[-3000:]}"
    for block, below in pairwise(found):
        if block.language == "sh" and below.language == "text":
            _assert_shown(below, said[block.line])


def _script(found: list[Block], port: int) -> str:
    """Return one shell script of the page; before each block it prints the line that the block stands on."""
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
    for block in found:
        lines.append(f"echo '#:{block.line}'")
        text = block.text.replace(_PORT, str(port))
        if block.marker == "file":
            lines.append(f"cat > {block.argument} << 'END-OF-FILE'\n{text}END-OF-FILE")
        elif block.marker == "server":
            lines += [f'{text.strip()} > "$HOME/server.log" 2>&1 &', _WAIT.format(port=port)]
        elif block.marker == "exit":
            lines.append(f"code=0\n{text.strip()} || code=$?\n[ $code = {block.argument} ]")
        elif block.language == "sh":
            lines.append(text)
    return "\n".join(lines)


def _checkout(folder: Path) -> Path:
    """Return a folder that looks like the repository after `make demo`: it has `.venv`."""
    made = folder / "checkout"
    made.mkdir()
    (made / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return made


def _environment(folder: Path) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("CLEARANCE_", "GIT_"))}
    identity = {f"GIT_{who}_{what}": "me@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**inherited, **identity, "HOME": str(folder), "COLUMNS": "200"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _by_line(output: str) -> dict[int, str]:
    parts = re.split(r"^#:(\d+)$", output, flags=re.MULTILINE)
    return {int(line): text for line, text in zip(parts[1::2], parts[2::2], strict=True)}


def _assert_shown(wanted: Block, output: str) -> None:
    """Assert that each line is part of a line of the output; `…` stands for anything, and runs of spaces are alike."""
    shown = [" ".join(line.split()) for line in output.splitlines()]
    for line in wanted.text.splitlines():
        pattern = ".*?".join(re.escape(" ".join(part.split())) for part in line.split("…"))
        assert any(re.search(pattern, each) for each in shown), f"{PAGE.name}:{wanted.line}: not seen: {line}\n{output}"
