"""One compilation into one folder, step by step."""

from __future__ import annotations

import collections
import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.histories import _compile_sql as sql
from footfall.histories import robots
from footfall.histories._assemble import SPILLED, Before, Written, assemble, keys_of
from footfall.histories._plan import ROW_BYTES, Goal, Plan
from footfall.histories._shuffle import Spill, shuffle
from footfall.histories.columns import CODED, DTYPES
from footfall.histories.store import Histories
from footfall.histories.vocabulary import Vocabulary
from footfall.lake import keys
from footfall.lake.engine import Engine

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done, and how much there is."""

MANY_REBUILT: Final = 1000
"""With more users than this to be read again, and more than a fifth of all, everything is read anew instead."""


class Build:
    """Compiles into one folder; when it has run, the folder is whole and on disk."""

    def __init__(self, goal: Goal, plan: Plan, folder: Path, progress: Progress) -> None:
        """Remember what to do.

        Args:
            goal: What to compile.
            plan: What to read for it.
            folder: Where to; exists and is empty.
            progress: Told how far it is.
        """
        self.goal, self.plan, self.folder, self.progress = goal, plan, folder, progress
        self.old = Histories.open(plan.base) if plan.base else None

    def run(self, engine: Engine) -> bool:
        """Write everything; or nothing, and return False, when starting anew is the cheaper way.

        Args:
            engine: Its views show the files to read: events since the base, all items, all links.
        """
        # The rest is for rows under way, the numbers of users, and the partitions that are put together.
        queries = int(0.6 * self.goal.settings.memory_bytes)
        engine.run(f"SET memory_limit = '{queries // 2**20}MiB'")
        self.progress("whose events are these", 0, 1)
        rebuilt = keys.resolve(
            engine,
            self.plan.events,
            self.goal.links,
            limit=self.goal.settings.max_users_per_device,
            memory_bytes=queries,
            base=self.plan.keys,
        )
        if self.old is not None and rebuilt > max(MANY_REBUILT, self.old.n_users // 5):
            return False
        new_events = sql.count_rows(engine, self.plan.events)
        users = sql.number_users(engine, self.plan.partitions)
        new_columns = sql.present(engine, self.plan.events)
        columns = [n for n in DTYPES if sql.SOURCES[n] in new_columns]
        if self.old is not None and rebuilt:
            columns = [n for n in DTYPES if n in {*columns, *self.old.manifest["columns"]}]
        if "timestamp_us" not in columns:
            columns.insert(0, "timestamp_us")
        kinds = self._vocabularies(engine, columns, new_columns)
        spills = self._shuffle(engine, users, columns, new_events)
        written = self._partitions(engine, users, spills, kinds)
        (self.folder / "identity").mkdir()
        keys.save(engine, self.folder / "identity")
        self._finish(engine, written, new_events)
        return True

    def _vocabularies(self, engine: Engine, columns: Sequence[str], new_columns: set[str]) -> npt.NDArray[np.uint8]:
        """Grow and write the vocabularies; return what matters to ``robots`` about each event type."""
        home = self.folder / "vocabularies"
        home.mkdir()
        for i, name in enumerate(CODED):
            self.progress("counting ids", i, len(CODED))
            old = None if self.old is None else self.old.vocabularies[name].table
            if name in columns or name == "item":
                sql.build_vocabulary(engine, name, old, counted=CODED[name] in new_columns)
                sql.write_vocabulary(engine, name, home / f"{name}.arrow")
            elif self.plan.base is not None:
                _link(self.plan.base / "vocabularies" / f"{name}.arrow", home / f"{name}.arrow")
            else:
                Vocabulary.of(name, []).write(home)
        return robots.kinds_of(Vocabulary.read("event_type", home).ids)

    def _shuffle(self, engine: Engine, users: sql.Users, columns: Sequence[str], new_events: int) -> list[Spill]:
        types = {name: SPILLED[name] for name in ("ingested_us", "sequence", *columns)}
        done = 0

        def numbered() -> Iterator[Mapping[str, npt.NDArray[Any]]]:
            nonlocal done
            for batch in sql.coded_rows(engine, types, users.salt):
                number = users.ids.look_up(batch["who"])
                assert number.min(initial=0) >= 0, "a row has no user"  # noqa: S101 - our mistake
                yield batch | {"user": number}
                done += len(number)
                self.progress("reading events", min(done, new_events), new_events)

        home = self.folder / "spill"
        home.mkdir()
        spills = shuffle(numbered(), {"user": SPILLED["user"], **types}, users.bases, home)
        for name in CODED:
            engine.run(f"DROP TABLE IF EXISTS v_{name}")
        return spills

    def _partitions(
        self, engine: Engine, users: sql.Users, spills: Sequence[Spill], kinds: npt.NDArray[np.uint8]
    ) -> list[Written]:
        """Write the partitions, as many at once as threads and memory allow."""
        settings, sizes = self.goal.settings, np.diff(users.bases)
        largest = max(spill.rows for spill in spills)
        if self.old is not None:
            largest += max(part.n_events for part in self.old.partitions)
        workers = max(1, min(settings.thread_count, settings.memory_bytes // 2 // (ROW_BYTES * max(largest, 1))))
        written: list[Written] = []
        running: collections.deque[Future[Written]] = collections.deque()
        with ThreadPoolExecutor(workers) as pool:
            for part, spill in enumerate(spills):
                if len(running) == workers:
                    written.append(running.popleft().result())
                    self.progress("sorting partitions", len(written), len(spills))
                if self.old is not None and sizes[part] == 0:
                    running.append(pool.submit(self._carry_over, part))
                    continue
                table = sql.user_keys(engine, int(users.bases[part]), int(users.bases[part + 1]))
                running.append(pool.submit(self._partition, part, spill, table, kinds))
            written += [future.result() for future in running]
        self.progress("sorting partitions", len(written), len(spills))
        return written

    def _partition(self, part: int, spill: Spill, users: pa.Table, kinds: npt.NDArray[np.uint8]) -> Written:
        before = None
        if self.old is not None:
            known = keys_of(self.old.users[part])
            rebuilt = users["key"].filter(users["rebuilt"]).combine_chunks()
            dropped = pc.is_in(known, value_set=rebuilt).to_numpy(zero_copy_only=False)
            before = Before(self.old.partitions[part], known, dropped)
        minor = sql.VALUE_SCALE // 10**self.goal.settings.minor_digits
        written = assemble(self._folder_of(part), spill, users["key"].combine_chunks(), before, kinds, minor)
        spill.path.unlink()
        return written

    def _carry_over(self, part: int) -> Written:
        """Take a partition over as it is: its files get a second name and take no space."""
        assert self.old is not None  # noqa: S101 - only partitions of a base are carried over
        there = self.old.partitions[part]
        assert there.folder is not None  # noqa: S101 - it was opened from a folder
        here = self._folder_of(part)
        here.mkdir()
        for path in sorted(there.folder.iterdir()):
            _link(path, here / path.name)
        return Written(there.n_users, there.n_events, [name for name in DTYPES if there.has(name)])

    def _folder_of(self, part: int) -> Path:
        return self.folder / f"part-{part:04d}"

    def _finish(self, engine: Engine, written: Sequence[Written], new_events: int) -> None:
        """Write the manifest last, and see that everything is on disk."""
        shutil.rmtree(self.folder / "spill")
        then = {} if self.old is None else self.old.manifest
        events = sum(w.events for w in written)
        assert events == then.get("events", 0) + new_events, "events were lost or doubled"  # noqa: S101 - our mistake
        newest = int(str(engine.row("SELECT coalesce(epoch_us(max(ingested_at)), 0) FROM events")[0]))
        columns = {name for w in written for name in w.columns}
        manifest = self.goal.marks() | {
            "lake_version": self.goal.version,
            "partitions": [{"users": w.users, "events": w.events} for w in written],
            "users": sum(w.users for w in written),
            "events": events,
            "columns": [name for name in DTYPES if name in columns],
            "ingested_us": max(newest, then.get("ingested_us", 0)),
            "engine": engine_version(engine),
            "compiled": {
                "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                "built_on": None if self.plan.base is None else self.plan.base.name,
                "anew_because": self.plan.why,
                "events_read": new_events,
            },
        }
        (self.folder / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")
        for home in (self.folder, *sorted(p for p in self.folder.iterdir() if p.is_dir())):
            if not home.name.startswith("part-"):
                for path in home.iterdir():
                    flush_path(path)
            flush_path(home)


def engine_version(engine: Engine) -> str:
    """Return the query engine's version."""
    return str(engine.row("SELECT version()")[0])


def flush_path(path: Path) -> None:
    """Make sure a file or folder that was written outlives the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(there: Path, here: Path) -> None:
    """Give a file that never changes a second name; copy it where the file system cannot."""
    try:
        os.link(there, here)
    except OSError:
        shutil.copyfile(there, here)
        flush_path(here)
