"""The real MLflow: its client in a process of its own, as somebody's script, and its server on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import httpx

from tests.server.process import free_port

_QUIET = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
    "PYTHONWARNINGS": "ignore",
}


def run_script(script: str, folder: Path, **environment: str) -> Any:
    """Run a Python script in a folder; return what it printed as JSON in its last line."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("CLEARANCE_", "MLFLOW_"))}
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=folder,
        env=inherited | _QUIET | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.strip().splitlines()[-1])


class MlflowServer:
    """`mlflow server` with one worker on SQLite; use it as a context manager.

    Args:
        folder: where its database and artifacts lie.
        artifacts: root of its experiments' artifacts, where that is not its own proxy.
    """

    def __init__(self, folder: Path, artifacts: str = "") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "mlflow.log"
        where = (
            ["--default-artifact-root", artifacts] if artifacts else ["--artifacts-destination", str(folder / "art")]
        )
        self._command = [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"),
            *("--port", str(self.port), "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", *where),
        ]

    def __enter__(self) -> MlflowServer:
        environment = {**os.environ, **_QUIET}
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                self._command, stdout=out, stderr=out, env=environment, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.2)
        return self

    def __exit__(self, *_reason: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # the group that it began: itself and its workers
        self._process.wait(timeout=30)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False
