"""A small disk of its own for a script that fills it: a tmpfs in namespaces of the user, for which nobody needs to be root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

_ALONE = ["unshare", "--user", "--map-root-user", "--mount"]
_MOUNTED = """
import subprocess, sys
from pathlib import Path

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + sys.argv[2], "tmpfs", str(folder)], check=True)

def fill():
    with (folder / "fill").open("ab", buffering=0) as out:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                pass
"""


def run_on_small_disk(script: str, folder: Path, size: str) -> str:
    """Return what a script prints that has `folder` on a disk of a size (`16m`), skip the test where there can be none.

    `fill()` fills the disk up, by the file `fill`.
    """
    if subprocess.run([*_ALONE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here, so no small disk to fill")
    command = [*_ALONE, sys.executable, "-c", _MOUNTED + dedent(script), str(folder), size]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
