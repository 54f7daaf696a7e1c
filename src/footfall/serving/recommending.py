"""Recommending: a bundle and the histories of now, asked for users by their ids."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.errors import InputError, unknown_name
from footfall.histories.columns import FIRST_CODE, UNSEEN
from footfall.histories.event_features import described
from footfall.histories.sequences import Sequences
from footfall.histories.store import Histories
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.popularity import Popularity
from footfall.results import Result
from footfall.serving.bundles import Bundle
from footfall.serving.people import ids_of, rows_of
from footfall.tasks._answers import SCORES_AT_ONCE, Filters, Lists, lists, nearest_lists, reasons
from footfall.tasks._index import FROM_ITEMS, ItemIndex
from footfall.training.warm_start import item_vectors

REASON: Final = pa.struct(
    [
        ("item_id", pa.string()),
        ("event_type", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("weight", pa.float32()),
    ]
)
SCHEMA: Final = pa.schema(
    [("user_id", pa.string()), ("item_id", pa.string()), ("rank", pa.int32()), ("score", pa.float32())]
)
SCHEMA_WITH_REASONS: Final = SCHEMA.append(pa.field("reasons", pa.list_(REASON)))
_MOST_MASKS: Final = 64
_SIMILARITY_WIDTH: Final = 32


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How lists are to be.

    Attributes:
        k: Length of the lists.
        exclude_seen: Whether items had before are left out; None: as the model was trained.
        filters: Which items may be shown.
        diversity: 0: by score alone; towards 1: the less alike, the better.
        reasons: Whether each item says which past events moved it.
    """

    k: int = 10
    exclude_seen: bool | None = None
    filters: Filters = dataclasses.field(default_factory=Filters)
    diversity: float = 0.0
    reasons: bool = False


def wanted_of(**given: Any) -> Wanted:
    """Make a ``Wanted`` from its fields and those of its filters.

    Raises:
        InputError: There is no such setting.
    """
    filters = {field.name for field in dataclasses.fields(Filters)}
    own = {field.name for field in dataclasses.fields(Wanted)} - {"filters"}
    for name in given:
        if name not in filters | own:
            raise InputError(unknown_name("setting of recommend", name, filters | own))
    kept = {name: value for name, value in given.items() if name in own}
    return Wanted(**kept, filters=Filters(**{name: value for name, value in given.items() if name in filters}))


@dataclasses.dataclass(frozen=True)
class Recommendations(Result):
    """Items for users.

    Attributes:
        question: What the model foretells, in words.
        model: What gave the scores.
        version: Of the bundle.
        users: Number of users with a list.
        cold: Number of them of whom nothing is known: they have what is popular.
        table: ``user_id, item_id, rank, score`` and, if asked for, ``reasons``: a list of the events that moved the
            item up, with their share.
        names: Names of items, where the catalogue has them.
        recall: Share of the true best that the index of items finds; None where all items are scored.
    """

    question: str
    model: str
    version: str
    users: int
    cold: int
    table: pa.Table
    names: Mapping[str, str]
    recall: float | None = None

    def headline(self) -> str:
        """Say what this is."""
        return f"{self.question}: {_people(self.users)}, by {self.model} (version {self.version})"

    def notes(self) -> Sequence[str]:
        """Say what is special."""
        found = []
        if self.cold:
            found.append(f"Nothing is known of {_people(self.cold)} of them: what is popular with everybody is shown.")
        if self.recall is not None:
            found.append(f"Items were found by an index; it finds {self.recall:.1%} of the true best.")
        return found

    def to_arrow(self) -> pa.Table:
        """Return the lists as an Arrow table."""
        return self.table

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        kept = ("question", "model", "version", "users", "cold", "recall")
        return {name: getattr(self, name) for name in kept} | {"rows": self.table_rows()}

    def table_rows(self) -> list[dict[str, Any]]:
        """Return one row an item of a list; with its name, where the catalogue has one."""
        rows = self.table.to_pylist()
        found = []
        for row in rows:
            flat = {name: row[name] for name in ("user_id", "rank", "item_id")}
            if self.names:
                flat["name"] = self.names.get(row["item_id"])
            flat["score"] = round(row["score"], 4)
            if "reasons" in row:
                said = [_said(reason, self.names) for reason in row["reasons"]]
                flat["because"] = "; ".join(said) or "popular with everybody"
            found.append(flat)
        return found


def _people(count: int) -> str:
    return "1 user" if count == 1 else f"{count:,} users"


def _said(reason: Mapping[str, Any], names: Mapping[str, str]) -> str:
    item = reason["item_id"]
    what = " ".join(part for part in (reason["event_type"], names.get(item, item)) if part)
    when: dt.datetime = reason["timestamp"]
    return f"{what} on {when:%Y-%m-%d} ({reason['weight']:.0%})"


class Recommending:
    """A bundle over the histories of now."""

    def __init__(self, bundle: Bundle, histories: Histories) -> None:
        """Make ready: the model makes room for items that were added since it was trained.

        Args:
            bundle: Of the task ``recommend``.
            histories: What is known now, or was at a cutoff.
        """
        self.bundle, self.histories = bundle, histories
        self.log, self.codes = bundle.vocabularies.read(histories, described(histories))
        if not bundle.model.grow(self.log):
            self._leave_new_items_out()
        self.question: Mapping[str, Any] = bundle.about["question"]
        self._vectors: npt.NDArray[np.float32] | None = None
        self._masks: dict[Filters, npt.NDArray[np.bool_]] = {}

    def _leave_new_items_out(self) -> None:
        """Read items that the model has no room for as unseen ones."""
        n_codes = FIRST_CODE + len(self.bundle.vocabularies.ids["item"])
        item = np.where(self.log.item < n_codes, self.log.item, UNSEEN).astype(np.int32)
        self.log = dataclasses.replace(self.log, item=item, n_codes=n_codes, content=None)
        self.codes = self.codes[:n_codes]

    def recommend(self, users: Sequence[str] | None, wanted: Wanted) -> Recommendations:
        """Return lists for users, all of them at once.

        Args:
            users: Their ids; everybody with an event without it.
            wanted: How the lists are to be.
        """
        rows, ids = self.everybody() if users is None else (self.rows_of(users), list(users))
        table = pa.concat_tables([self.schema(wanted).empty_table(), *self.tables(rows, ids, wanted)])
        return self.described(table, rows)

    @staticmethod
    def schema(wanted: Wanted) -> pa.Schema:
        """Return the columns of the tables.

        Args:
            wanted: How the lists are to be.
        """
        return SCHEMA_WITH_REASONS if wanted.reasons else SCHEMA

    def described(self, table: pa.Table, rows: npt.NDArray[np.int64]) -> Recommendations:
        """Put a table of lists, or the first of its rows, with what there is to say about them.

        Args:
            table: Lists.
            rows: The ``user_idx`` of all users that were asked for, int64 [users].
        """
        items = self.histories.vocabularies["item"].table
        names: dict[str, str] = {}
        if "name" in items.column_names:
            ids = set(table["item_id"].to_pylist())
            if "reasons" in table.column_names:
                ids |= {reason["item_id"] for why in table["reasons"].to_pylist() for reason in why}
            shown = items.filter(pc.is_in(items["id"], pa.array(ids, pa.string())))
            names = {i: n for i, n in zip(shown["id"].to_pylist(), shown["name"].to_pylist(), strict=True) if n}
        about = self.bundle.about
        return Recommendations(
            question=about["question_text"],
            model=about["served"],
            version=self.bundle.version,
            users=len(rows),
            cold=int((np.where(rows < 0, 0, self.log.lengths[np.maximum(rows, 0)]) == 0).sum()),
            table=table,
            names=names,
            recall=None if self.index is None else self.index.recall,
        )

    def lists(self, rows: npt.NDArray[np.int64], wanted: Wanted) -> tuple[Sequences, Lists]:
        """Return lists of some users.

        Args:
            rows: Their ``user_idx``, int64 [users]; -1 for somebody of whom nothing is known.
            wanted: How the lists are to be.

        Returns:
            Their histories, and their lists; codes are the bundle's.
        """
        asked = self._histories_of(rows)
        exclude = self.question["exclude_seen"] if wanted.exclude_seen is None else wanted.exclude_seen
        types = self._types()
        seen = None
        if exclude:
            about = asked.item >= FIRST_CODE
            if types and asked.event_type is not None:
                about &= np.isin(asked.event_type, np.array(types))
            seen = asked.where(about)
        shown = self._shown(wanted.filters)
        if self.index is None:
            return asked, self._scored(asked, shown, seen, wanted)
        assert isinstance(self.bundle.model, Behaviour)  # noqa: S101 - only it has an index
        keys = self._item_vectors()
        queries = self.bundle.model.queries(asked)
        found, short = nearest_lists(self.index, queries, keys, shown, seen, wanted.k, diversity=wanted.diversity)
        short = np.union1d(short, np.flatnonzero(asked.lengths == 0))
        if len(short):  # filters left too little, or nothing is known: all items are scored
            few = None if seen is None else seen.take(short)
            exact = self._scored(asked.take(short), shown, few, wanted)
            found.items[short], found.scores[short] = exact.items, exact.scores
        return asked, found

    def _scored(self, asked: Sequences, shown: npt.NDArray[np.bool_], seen: Sequences | None, wanted: Wanted) -> Lists:
        vectors = self._item_vectors() if wanted.diversity else None
        model = self.bundle.model
        found = lists(model, asked, shown, seen, wanted.k, diversity=wanted.diversity, vectors=vectors)
        cold = np.flatnonzero(asked.lengths == 0)
        if len(cold):
            nobody = asked.take(cold)
            popular = lists(self._popular, nobody, shown, None, wanted.k, diversity=wanted.diversity, vectors=vectors)
            found.items[cold], found.scores[cold] = popular.items, popular.scores
        return found

    @functools.cached_property
    def _popular(self) -> Popularity:
        """What somebody is shown of whom nothing is known: the items with the most events that were asked about."""
        about = self.log
        types = self._types()
        if types and about.event_type is not None:
            about = about.where(np.isin(about.event_type, np.array(types)))
        return Popularity().fit(about)

    @functools.cached_property
    def index(self) -> ItemIndex | None:
        """An index of the items, where they are so many that scoring all would be slower; None where they are not.

        None as well where scores are more than products: where people come back to items, all are scored.

        Raises:
            MissingDependencyError: There are so many, and usearch is not installed.
        """
        model = self.bundle.model
        few = self.log.n_codes - FIRST_CODE <= FROM_ITEMS
        if few or not isinstance(model, Behaviour) or not model.scores_are_products:
            return None
        kept = self.bundle.path / "indexes" / str(self.log.n_codes)
        found = ItemIndex.load(kept)
        if found is None:
            some = np.flatnonzero(self.log.lengths > 0)[:200]
            found = ItemIndex.build(self._item_vectors(), model.queries(self.log.take(some)))
            found.save(kept)
        return found

    def tables(self, rows: npt.NDArray[np.int64], ids: Sequence[str], wanted: Wanted) -> Iterator[pa.Table]:
        """Yield the lists of users as tables, some users at a time.

        Args:
            rows: Their ``user_idx``, int64 [users]; -1 for somebody of whom nothing is known.
            ids: Their ids.
            wanted: How the lists are to be.
        """
        step = max(1, min(4096, SCORES_AT_ONCE // self.log.n_codes))
        for start in range(0, len(rows), step):
            some = slice(start, start + step)
            asked, found = self.lists(rows[some], wanted)
            yield self._table(asked, found, list(ids[some]), wanted)

    def _table(self, asked: Sequences, found: Lists, ids: list[str], wanted: Wanted) -> pa.Table:
        items = self.histories.vocabularies["item"]
        places = np.argwhere(found.items >= FIRST_CODE)
        codes = self.codes[found.items[places[:, 0], places[:, 1]]]
        columns = {
            "user_id": pa.array(ids, pa.string()).take(pa.array(places[:, 0])),
            "item_id": items.table["id"].take(pa.array(codes - FIRST_CODE)).combine_chunks(),
            "rank": pa.array(places[:, 1] + 1, pa.int32()),
            "score": pa.array(found.scores[places[:, 0], places[:, 1]], pa.float32()),
        }
        if not wanted.reasons:
            return pa.table(columns, schema=SCHEMA)
        columns["reasons"] = pa.array(self._reasons(asked, found), pa.list_(REASON))
        return pa.table(columns, schema=SCHEMA_WITH_REASONS)

    def _reasons(self, asked: Sequences, found: Lists) -> list[list[dict[str, Any]]]:
        types, items = self.histories.vocabularies["event_type"], self.histories.vocabularies["item"]
        said: list[list[dict[str, Any]]] = []
        for row, codes in enumerate(found.items):
            real = codes[codes >= FIRST_CODE]
            history = asked.take(np.array([row]))
            for why in reasons(self.bundle.model, history, real):
                lines = []
                for reason in why:
                    last = reason.events[-1]
                    kind = (
                        None if history.event_type is None else types.decode(self._their_type(history.event_type[last]))
                    )
                    lines.append(
                        {
                            "item_id": items.decode(int(self.codes[history.item[last]])),
                            "event_type": kind,
                            "timestamp": None if history.timestamp_us is None else int(history.timestamp_us[last]),
                            "weight": reason.weight,
                        }
                    )
                said.append(lines)
        return said

    def _their_type(self, code: int) -> int:
        own = self.bundle.vocabularies.ids["event_type"]
        if FIRST_CODE <= code < FIRST_CODE + len(own):
            return self.histories.vocabularies["event_type"].code(own[code - FIRST_CODE])
        return int(code)

    def _types(self) -> list[int]:
        own = list(self.bundle.vocabularies.ids["event_type"])
        return [FIRST_CODE + own.index(name) for name in self.question["types"]]

    def _histories_of(self, rows: npt.NDArray[np.int64]) -> Sequences:
        known = np.maximum(rows, 0)
        starts = np.where(rows < 0, 0, self.log.offsets[:-1][known])
        ends = np.where(rows < 0, 0, self.log.offsets[1:][known])
        return self.log.between(starts, ends, known)

    def _shown(self, filters: Filters) -> npt.NDArray[np.bool_]:
        """Return which codes may be shown, bool [n_codes]; kept, for the next call asks the same."""
        if filters in self._masks:
            return self._masks[filters]
        if len(self._masks) >= _MOST_MASKS:
            self._masks.clear()
        theirs = filters.mask(self.histories.vocabularies["item"].table)
        shown = np.zeros(self.log.n_codes, bool)
        real = self.codes >= FIRST_CODE
        shown[real] = theirs[self.codes[real] - FIRST_CODE]
        self._masks[filters] = shown
        return shown

    def _item_vectors(self) -> npt.NDArray[np.float32]:
        """Return the model's vectors of items; where it has none, those of their co-occurrence."""
        if self._vectors is None:
            own = self.bundle.model.vectors()
            self._vectors = item_vectors(self.log, _SIMILARITY_WIDTH) if own is None else own
        return self._vectors

    def rows_of(self, ids: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the ``user_idx`` of users by their ids, int64 [ids]; -1 for ids that the log does not know.

        Args:
            ids: As the shop gave them, or a device's.
        """
        return rows_of(self.histories, ids)

    def everybody(self) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Return the ``user_idx`` of everybody with an event, int64, and their ids."""
        ids = ids_of(self.histories)
        rows = np.flatnonzero(self.log.lengths > 0)
        return rows, [ids[row] for row in rows.tolist()]
