"""One Delta table in a folder: opened or made, appended durably, listed at any version, compacted."""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.errors import NotFound, StorageFull, Unavailable
from clearance.telemetry.durability import set_torn_tail_aside, sync_commits

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

logger = logging.getLogger(__name__)

_CONFIGURATION = {
    "delta.checkpointInterval": "32",  # bounds what a cold start reads
    "delta.enableExpiredLogCleanup": "false",  # figures name table versions: only `vacuum` forgets any
    "delta.logRetentionDuration": "interval 30 days",
}
_TAIL = 32  # commits that a process which died may have left unsynced; synced again when a writer opens the table
_ATTEMPTS = 8
_DECORATION = re.compile(r"\x1b\[[0-9;]*m|↳")  # delta-rs draws the causes of an error as a coloured tree
_BAD_IN_PATHS = frozenset("[]%*?")  # delta-rs takes the path for a URL, DuckDB for a pattern


class Delta:
    """A Delta table shared between threads and processes; commits are optimistic and tried again on conflict."""

    def __init__(self, folder: Path, schema: Callable[[], pa.Schema], *, partition_by: str, skip_by: str) -> None:
        self.folder = folder
        self._schema = schema
        self._partition_by = partition_by
        self._skip_by = skip_by
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._reader: DeltaTable | None = None
        self._writer: DeltaTable | None = None
        self._synced: int | None = None

    def append(self, rows: pa.Table) -> int:
        """Commit rows and return the version that holds them, once it is on disk.

        Raises:
            Unavailable: the folder can't be written, or others kept winning the race for the next version.
        """
        from deltalake import write_deltalake
        from deltalake.exceptions import CommitFailedError, DeltaError

        with self._writing:
            for attempt in range(_ATTEMPTS):
                try:
                    if self._writer is None:
                        self._writer = self._open()
                    write_deltalake(self._writer, rows, mode="append")
                    version = int(self._writer.version())
                    self._sync(version)
                    return version
                except CommitFailedError as error:
                    self._writer = None
                    logger.info("%s: another writer was first (attempt %d): %s", self.folder, attempt + 1, error)
                    time.sleep(0.01 * 2**attempt)
                except (DeltaError, OSError) as error:
                    self._writer = None
                    raise _unwritable(self.folder, error) from error
        raise Unavailable(
            f"the table {self.folder.name} is being written by too many others",
            code="lake_busy",
            hint="nothing was stored; send it again",
        )

    def version(self) -> int:
        """Return the newest version."""
        with self._reading:
            return int(self._newest().version())

    def files(self, version: int | None = None) -> pa.Table:
        """Return the data files of a version (the newest by default): path, size_bytes, num_records, partition, bounds.

        Raises:
            NotFound: the table never had this version.
        """
        import pyarrow as pa

        with self._reading:
            newest = self._newest()
            table = newest if version is None or version == newest.version() else self._at(version, newest.version())
            actions = table.get_add_actions(flatten=True)
        return pa.RecordBatchReader.from_stream(actions).read_all()  # unlike pa.table, does not import pandas

    def compact(self, target_bytes: int) -> int:
        """Merge files smaller than the target, per partition; appends go on meanwhile. Returns the newest version."""
        from deltalake.exceptions import CommitFailedError, DeltaError

        table = self._open()
        try:
            table.optimize.compact(target_size=target_bytes)
        except CommitFailedError as error:  # another process compacted the same files: then it is done
            logger.info("%s: compacted elsewhere: %s", self.folder, error)
        except (DeltaError, OSError) as error:
            raise _unwritable(self.folder, error) from error
        table.update_incremental()
        version = int(table.version())
        self._sync(version)
        return version

    def vacuum(self, retention: timedelta) -> int:
        """Delete files that compaction replaced longer than this ago, and return how many; versions before lose their rows."""
        table = self._open()
        hours = retention // timedelta(hours=1)
        deleted = table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False)
        table.cleanup_metadata()
        self._sync(int(table.version()))
        return len(deleted)

    def _newest(self) -> DeltaTable:
        if self._reader is None:
            self._reader = self._open()
        self._reader.update_incremental()
        return self._reader

    def _at(self, version: int, newest: int) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            if not 0 <= version <= newest:
                raise DeltaError(f"the newest is {newest}")
            return DeltaTable(self.folder, version=version)
        except DeltaError as error:
            raise NotFound(
                f"the table {self.folder.name} has no version {version}: {error}",
                code="table_version_not_found",
                hint="`clearance telemetry summary` names the newest versions",
            ) from error

    def _open(self) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if bad := sorted(_BAD_IN_PATHS & set(str(self.folder))):
            raise Unavailable(
                f"telemetry can't be kept in {self.folder}: a path with {' '.join(bad)} can't be read back",
                code="lake_path",
                hint="choose a home without these characters (CLEARANCE_HOME or --home)",
            )
        try:
            if torn := set_torn_tail_aside(self.folder):
                logger.warning("%s: set aside commits that were never acknowledged: %s", self.folder, ", ".join(torn))
            if not DeltaTable.is_deltatable(str(self.folder)):
                self.folder.mkdir(parents=True, exist_ok=True)
                DeltaTable.create(
                    self.folder,
                    schema=self._schema(),
                    mode="ignore",
                    partition_by=[self._partition_by],
                    configuration={**_CONFIGURATION, "delta.dataSkippingStatsColumns": self._skip_by},
                )
            return DeltaTable(self.folder)
        except (DeltaError, OSError) as error:
            raise _unwritable(self.folder, error) from error

    def _sync(self, version: int) -> None:
        with self._syncing:
            first = max(0, version - _TAIL) if self._synced is None else self._synced + 1
            sync_commits(self.folder, first, version)
            self._synced = max(version, self._synced or 0)


def _unwritable(folder: Path, error: Any) -> Unavailable:
    said = " ".join(_DECORATION.sub(" ", str(error)).split())
    if os.strerror(errno.ENOSPC) in said:
        return StorageFull(
            f"there is no room left for the telemetry table at {folder}; nothing was stored",
            code="storage_full",
            hint="make room on that disk, or `clearance artifacts gc`; recorders send what they hold again by themselves",
        )
    return Unavailable(
        f"the telemetry table at {folder} can't be used: {said}",
        code="lake_unavailable",
        hint="nothing was stored; is the disk mounted, or the folder someone else's?",
    )
