"""Durable jobs and loops over DBOS Transact: what was started goes on after `kill -9`, each finished step exactly where it was.

On PostgreSQL any number of processes share the work: each job and each loop is done by one of them, and what a process that
is gone, or hangs, had under way is taken up by another. One that goes on after it hung gives up what others took: it begins
nothing of that any more, and DBOS takes no result of it.

The rest of the house sees `Jobs` only. Functions are registered by name by the composition root, so that this floor knows
no rooms; a function must be safe to run twice, since a process may die between doing and noting that it did.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from clearance.storage import workflows
from clearance.storage.complaints import Complaints
from clearance.storage.presence import Presence

logger = logging.getLogger(__name__)

Function = Callable[[Mapping[str, Any]], None]
"""What a job does with its argument (JSON values)."""

_ATTEMPTS = 8
_ROUNDS = 500  # iterations of a loop in one workflow: bounds what a restart reads back
_STOP_SECONDS = 2.5
_LOOK_SECONDS = 2.0  # between looks for processes that are gone
_GONE_SECONDS = 10.0  # for so long one must not be seen: PostgreSQL may just have restarted, and all are coming back


class _Stopped(BaseException):
    """Ends a workflow without an outcome: it stays pending, and the next start resumes it. DBOS records every Exception."""


class _Loop(NamedTuple):
    seconds: float
    function: Function


class Jobs:
    """The durable jobs of one process; there can be one running `Jobs` in a process at a time, as DBOS is process-wide.

    Args:
        url: SQLAlchemy URL of the jobs' database; SQLite or PostgreSQL (there in the schema `dbos`).
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._functions: dict[str, Function] = {}
        self._loops: dict[str, _Loop] = {}
        self._here: dict[str, _Loop] = {}
        self._presence = Presence(url)
        self._missed: dict[str, float] = {}
        self._stopping = threading.Event()
        self._ending: Future[None] = Future()
        self._abandoned: Future[None] = Future()
        self._busy: set[Future[None]] = set()
        self._executions: dict[str, Future[None]] = {}
        self._starting = threading.Lock()
        self._renewing = threading.Lock()
        self._in_doubt = False
        self._complaints = Complaints()

    def register(self, name: str, function: Function) -> None:
        """Give a job its function; `run` names it. To be called before `start`."""
        self._functions[name] = function

    def every(self, name: str, seconds: float, function: Callable[[], None]) -> None:
        """Have a function called again and again, by one process at a time, with a durable pause of so many seconds.

        To be called before `start`.
        """
        self._loops[name] = _Loop(seconds, lambda _argument: function())

    def every_here(self, name: str, seconds: float, function: Callable[[], None]) -> None:
        """Have a function called at once and again and again in each process, for what only this one knows; before `start`."""
        self._here[name] = _Loop(seconds, lambda _argument: function())

    def start(self) -> None:
        """Resume what nobody is at work on, and begin the loops that are not under way."""
        from dbos import DBOS

        global _running  # noqa: PLW0603  # DBOS is one per process; the workflows find their Jobs here
        if _running is not None:
            raise RuntimeError("jobs are running in this process already")
        workflows.prepare(self.url)
        self._stopping.clear()
        self._ending, self._abandoned = Future(), Future()
        self._executions.clear()
        self._presence = Presence(self.url)
        self._presence.renew()
        _workflows()
        _running = self
        DBOS(config=workflows.configuration(self.url, self._presence.name))
        DBOS.launch()
        with self._presence.alone():
            for name in self._presence.gone(workflows.owners()):
                self._take_up(name)
            self._begin_loops()
        for name, loop in self._here.items():
            threading.Thread(target=self._repeat, args=(name, loop), name=name, daemon=True).start()
        threading.Thread(target=self._watch, name="presence", daemon=True).start()

    def stop(self) -> None:
        """Let functions that run now end, 2.5 seconds at most, and leave the rest for the next start.

        A function that is still at work then is left to itself; it ends with the process, and is run again by the next one.
        """
        from dbos import DBOS

        global _running  # noqa: PLW0603  # see start
        if _running is not self:
            return
        with self._starting:
            self._stopping.set()
            busy = set(self._busy)
        self._ending.set_result(None)
        if wait(busy, timeout=_STOP_SECONDS).not_done:
            logger.warning("a job is still at work after %g s; it will be run again at the next start", _STOP_SECONDS)
        self._abandoned.set_result(None)
        DBOS.destroy()
        self._presence.end()
        _running = None

    def run(self, name: str, key: str, argument: Mapping[str, Any]) -> None:
        """Start a job, durably: once this returns it will be done, also if the process dies now.

        A failing function is tried again, eight times over some minutes.

        Args:
            name: of a registered function.
            key: makes the job unique: the same name and key is run once.
            argument: JSON values.
        """
        from dbos import DBOS, SetWorkflowID

        if name not in self._functions:
            raise KeyError(f"no job function is called {name!r}")
        with SetWorkflowID(f"job/{name}/{key}"):
            DBOS.start_workflow(_workflows().job, name, json.dumps(argument))

    def _begin_loops(self) -> None:
        from dbos import DBOS, SetWorkflowID

        for name in self._loops:
            prefix = f"loop/{name}/"
            if not any(alive for _, alive in workflows.statuses(prefix)):
                with SetWorkflowID(f"{prefix}{time.time_ns()}.0"):
                    DBOS.start_workflow(_workflows().loop, name, prefix)

    def _watch(self) -> None:
        """Stay seen by the other processes, and take up what those that are gone have left."""
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self._stay_seen()
                for name in self._long_gone(time.monotonic()):
                    self._succeed(name)
            except Exception as error:  # noqa: BLE001 - PostgreSQL is away, say: in two seconds it is tried again
                if self._complaints.is_new("presence", error):
                    logger.warning("the other processes can't be seen now: %s", error)

    def _stay_seen(self) -> None:
        """Be seen by the others; give up what they took, if they may have taken this process for gone."""
        with self._renewing:
            self._in_doubt |= self._presence.unseen() >= _GONE_SECONDS
            self._in_doubt |= self._presence.renew()
            if not self._in_doubt:
                return
            begun = dict(self._executions)
            with self._presence.alone():  # whoever takes something over just now has done so
                own = {found.workflow_id for found in workflows.pending(self._presence.name)}
            with self._starting:
                lost = [each for each in begun.keys() - own if self._executions.get(each) is begun[each]]
                for workflow_id in lost:
                    self._executions.pop(workflow_id).set_result(None)
            if lost:
                logger.warning("this process hung: others took %d jobs and loops of it, which it gives up", len(lost))
            self._in_doubt = False

    def _be_seen(self) -> None:
        """As `_stay_seen`, where that is in doubt: before something is begun, and before its outcome counts."""
        if self._in_doubt or self._presence.unseen() >= _GONE_SECONDS:
            self._stay_seen()

    def _long_gone(self, now: float) -> set[str]:
        missed = self._presence.gone(workflows.owners())
        self._missed = {name: self._missed.get(name, now) for name in missed}
        return {name for name, since in self._missed.items() if now - since >= _GONE_SECONDS}

    def _succeed(self, name: str) -> None:
        """Take the place of a process, unless it is back by now."""
        with self._presence.alone():
            if self._presence.gone([name]):
                if self._presence.bury(name):
                    logger.warning("the process %s hangs; its sessions on PostgreSQL were ended", name)
                self._take_up(name)

    def _take_up(self, name: str) -> None:
        """Put what a process that is gone had under way into the queue, from which one process takes each."""
        from dbos import DBOS

        left = [found.workflow_id for found in workflows.pending(name)]
        logger.info("the process %s is gone; %d jobs and loops of it go on elsewhere", name, len(left))
        for workflow_id in left:
            DBOS.resume_workflow(workflow_id)

    @contextmanager
    def _execution(self, workflow_id: str) -> Iterator[Future[None]]:
        """Yield what is done once this execution of a workflow is to end; a second one in this process ends the first."""
        mine: Future[None] = Future()
        with self._starting:
            if (before := self._executions.get(workflow_id)) is not None:
                before.set_result(None)
            self._executions[workflow_id] = mine
        try:
            yield mine
        finally:
            with self._starting:
                if self._executions.get(workflow_id) is mine:
                    del self._executions[workflow_id]

    def _repeat(self, name: str, loop: _Loop) -> None:
        while not self._stopping.is_set():
            try:
                self._do(loop.function, {}, self._abandoned)
            except _Stopped:
                return
            except Exception as error:  # noqa: BLE001 - see there
                self._complain(name, error)
            self._stopping.wait(loop.seconds)

    def _complain(self, name: str, error: Exception) -> None:
        """Tell of a bad turn, which must not end its loop: the next one tries again."""
        if self._complaints.is_new(name, error):
            told = "the loop %s failed; it goes on, and tells of the same error once an hour"
            logger.error(told, name, exc_info=error)

    def _call(self, name: str, argument: str, given_up: Future[None]) -> None:
        try:
            self._do_shared(self._functions[name], json.loads(argument), given_up)
        except Exception as error:
            logger.warning("the job %s failed and is tried again: %s", name, error)
            raise

    def _turn(self, name: str, given_up: Future[None]) -> float:
        """Run a loop's function once; return when it is next due, in seconds since 1970."""
        try:
            self._do_shared(self._loops[name].function, {}, given_up)
        except Exception as error:  # noqa: BLE001 - see there
            self._complain(name, error)
        return time.time() + self._loops[name].seconds

    def _do_shared(self, function: Function, argument: Mapping[str, Any], given_up: Future[None]) -> None:
        """Run a function that is this process's to run, and no other's; leave when it no longer is."""
        self._be_seen()
        self._do(function, argument, given_up)
        self._be_seen()
        if given_up.done():
            raise _Stopped

    def _do(self, function: Function, argument: Mapping[str, Any], given_up: Future[None]) -> None:
        """Run a function in a thread that the end of the process does not wait for; leave when the jobs were stopped."""
        outcome: Future[None] = Future()
        with self._starting:
            if self._stopping.is_set() or given_up.done():
                raise _Stopped
            self._busy.add(outcome)
        outcome.add_done_callback(self._busy.discard)
        threading.Thread(target=_settle, args=(outcome, function, argument), name="job", daemon=True).start()
        wait({outcome, self._abandoned, given_up}, return_when=FIRST_COMPLETED)
        if not outcome.done():
            raise _Stopped
        outcome.result()

    def _pause(self, name: str, until: float, given_up: Future[None]) -> None:
        """Wait until a moment; never longer than the loop's present interval, if that or the clock was changed."""
        seconds = min(max(0.0, until - time.time()), self._loops[name].seconds)
        if wait({self._ending, given_up}, timeout=seconds, return_when=FIRST_COMPLETED).done:
            raise _Stopped

    def _has_loop(self, name: str) -> bool:
        return name in self._loops


_running: Jobs | None = None


def _current() -> Jobs:
    if _running is None:
        raise _Stopped
    return _running


class _Workflows(NamedTuple):
    job: Callable[[str, str], None]
    loop: Callable[[str, str], None]


@cache
def _workflows() -> _Workflows:
    """Declare the two workflows to DBOS, once in a process."""
    from dbos import DBOS, SetWorkflowID

    retried = {"retries_allowed": True, "interval_seconds": 1.0, "max_attempts": _ATTEMPTS, "backoff_rate": 2.0}
    call = DBOS.step(name="call", **retried)(lambda *given: _current()._call(*given))
    turn = DBOS.step(name="turn")(lambda *given: _current()._turn(*given))
    tidy = DBOS.step(name="tidy")(workflows.tidy)

    def job(name: str, argument: str) -> None:
        with _current()._execution(DBOS.workflow_id) as given_up:
            call(name, argument, given_up)

    def loop(name: str, prefix: str) -> None:
        if not _current()._has_loop(name):
            return
        tidy(prefix)
        with _current()._execution(DBOS.workflow_id) as given_up:
            for _ in range(_ROUNDS):
                _current()._pause(name, turn(name, given_up), given_up)
        begun, _, generation = DBOS.workflow_id.removeprefix(prefix).partition(".")
        with SetWorkflowID(f"{prefix}{begun}.{int(generation) + 1}"):
            DBOS.start_workflow(_workflows().loop, name, prefix)

    declare = {"max_recovery_attempts": None}
    return _Workflows(DBOS.workflow(name="job", **declare)(job), DBOS.workflow(name="loop", **declare)(loop))


def _settle(outcome: Future[None], function: Function, argument: Mapping[str, Any]) -> None:
    try:
        function(argument)
    except BaseException as error:  # noqa: BLE001 - whoever waits for the outcome gets it
        outcome.set_exception(error)
    else:
        outcome.set_result(None)
