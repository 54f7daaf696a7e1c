"""Predicting: a bundle and the histories of now, asked for users by their ids."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.store import Histories
from footfall.predictors._base import Examples, Int64
from footfall.results import Result, plain
from footfall.serving.bundles import Bundle
from footfall.serving.naming import names_of
from footfall.serving.people import ids_of, rows_of
from footfall.tasks import _groups
from footfall.tasks._base import Task
from footfall.tasks._decisions import Decided, Deciding
from footfall.tasks._lifetime import COLUMN, spent_ahead
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction
from footfall.tasks._probable import Calibrated
from footfall.tasks._reasons import Reason, reasons_of
from footfall.tasks._registry import by_name

SAID: Final[Mapping[str, str]] = {"binary": "probability", "amount": "amount"}
"""What the column of answers is called."""
BANDS: Final = ("low", "median", "high")
"""What the columns of an amount's quantiles are called, in the order of their levels."""
REASON: Final = pa.struct([("feature", pa.string()), ("text", pa.string()), ("moved", pa.float32())])


@dataclasses.dataclass(frozen=True)
class Predictions(Result):
    """What is foretold of users.

    Attributes:
        question: What the model foretells, in words.
        model: What gave the answers.
        version: Of the bundle.
        as_of: The moment of asking, ISO 8601.
        users: Number of users answered for.
        left_out: Ids that the log does not know by then: nothing is foretold of them.
        unasked: Ids that it knows, of whom there is nothing to ask: who never bought buys nothing again.
        table: ``user_id`` and ``probability`` or ``amount``, highest first where everybody is asked; of amounts also
            ``low``, ``median`` and ``high``, their quantiles .1, .5 and .9, where the model knows them, and
            ``lifetime_365d``, what is expected within a year in today's money, where customers come back; of questions
            about things, ``kind`` and ``thing`` too; with reasons, a list of what moved each answer most; with a rule,
            ``decision``: whether a user is chosen.
        decision: What the rule came to; None without one.
    """

    question: str
    model: str
    version: str
    as_of: str
    users: int
    left_out: tuple[str, ...]
    table: pa.Table
    decision: Decided | None = None
    unasked: tuple[str, ...] = ()

    def headline(self) -> str:
        """Say what this is."""
        decided = "" if self.decision is None else f"\n{self.decision.headline()}"
        asked = f"{self.question}: {self.users:,} users as of {self.as_of[:16]}"
        return f"{asked}, by {self.model} (version {self.version}){decided}"

    def notes(self) -> Sequence[str]:
        """Say what is expected of those chosen, and who is left out."""
        decided = () if self.decision is None else tuple(self.decision.notes())
        if self.unasked:
            shown = ", ".join(self.unasked[:5])
            decided = (*decided, f"There is nothing to foretell of {len(self.unasked):,} of those asked for: {shown}.")
        if not self.left_out:
            return decided
        shown = ", ".join(self.left_out[:5])
        told = f"Nothing is known of {len(self.left_out):,} of those asked for, and nothing is foretold: {shown}."
        return (*decided, told)

    def to_arrow(self) -> pa.Table:
        """Return the answers as an Arrow table."""
        return self.table

    def table_rows(self) -> list[dict[str, Any]]:
        """Return one row a user, reasons in words."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        for row in rows:
            if "reasons" in row:
                row["because"] = "; ".join(reason["text"] for reason in row.pop("reasons"))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        about = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "table"}
        about["decision"] = plain(self.decision)
        about["unasked"] = list(self.unasked)
        return {**about, "left_out": list(self.left_out), "predictions": self.table.to_pylist()}


class Predicting:
    """A bundle over the histories of now."""

    def __init__(self, bundle: Bundle, histories: Histories, now_us: int | None = None) -> None:
        """Make ready.

        Args:
            bundle: Of a task that foretells one number of a user.
            histories: What is known now, or was at a cutoff.
            now_us: The moment of asking, UTC microseconds; right after the last event without it.

        Raises:
            InputError: The bundle is of another kind of task.
        """
        if not isinstance(bundle.model, Calibrated):
            raise InputError(f"{bundle.about['task']} foretells no number of a user; ask it by: footfall recommend")
        self.bundle, self.histories, self.model = bundle, histories, bundle.model
        task: type[Task] = by_name(bundle.about["task"])
        given = bundle.about["settings"]
        self.task: Any = task(**{name: given[name] for name in _fields(task) if name in given})
        assert isinstance(self.task, Prediction)  # noqa: S101 - a calibrated model is of such a task
        log = Log.of(histories)
        own = {name: code for code, name in enumerate(bundle.vocabularies.ids["event_type"], FIRST_CODE)}
        raw, _ = bundle.vocabularies.read(histories, log.raw)
        coded, back = bundle.vocabularies.read(histories, log.coded)
        self.names = names_of(histories, bundle.vocabularies, back)
        self.log = Log(raw, coded, own, histories.timezone, histories.currency)
        self._grow()
        self.now_us = log.ends_us if now_us is None else now_us

    def _grow(self) -> None:
        backbone = getattr(self.model.predictor, "backbone", None)
        if backbone is not None:
            backbone.grow(self.log.coded)

    def predict(
        self,
        users: Sequence[str] | None = None,
        *,
        reasons: bool = False,
        deciding: Deciding | None = None,
        most: int | None = None,
    ) -> Predictions:
        """Return what is foretold of users.

        Args:
            users: Their ids; everybody that the question is about without it.
            reasons: Whether each answer says what moved it.
            deciding: By what rule some of them are chosen; without it nobody is.
            most: So many rows are returned, and reasons are worked out for them alone; all of them without it.

        Raises:
            InputError: The rule does not fit what is foretold, or cannot be met.
        """
        if deciding is not None:
            deciding.check(self.model, self.task.name)
        left_out: tuple[str, ...] = ()
        named: dict[int, str] = {}
        if users is None:
            rows = self.task.asked(self.log, self.now_us)
        else:
            found = rows_of(self.histories, users)
            known = (found >= 0) & (self.log.raw.lengths[np.maximum(found, 0)] > 0)
            left_out = tuple(user for user, is_known in zip(users, known.tolist(), strict=True) if not is_known)
            rows = found[known]
            named = {
                row: user for row, user in zip(found.tolist(), users, strict=True) if row >= 0 and user not in left_out
            }
        answers = self._answers(rows, reasons=reasons and most is None)
        said, ids = answers.said, ids_of(self.histories)
        told = set(answers.rows.tolist())
        unasked = tuple(user for row, user in named.items() if row not in told)
        order = (np.argsort(-said, kind="stable") if users is None else np.arange(len(said)))[:most]
        columns: dict[str, Any] = {
            "user_id": pa.array([ids[row] for row in answers.rows[order].tolist()], pa.string()),
            **{
                name: pa.array([each[at] for at in order.tolist()], pa.string()) for name, each in answers.about.items()
            },
            SAID[self.model.kind]: pa.array(said[order], pa.float64()),
        }
        if self.model.bands is not None:
            around = self.model.bands.apply(said[order])
            columns |= {name: pa.array(around[:, at], pa.float64()) for at, name in enumerate(BANDS)}
        columns |= {name: pa.array(each[order], pa.float64(), from_pandas=True) for name, each in answers.more.items()}
        decided = None
        if deciding is not None:
            by = deciding.by
            groups = None if by is None else _groups.at(self.histories, answers.rows, self.now_us, by)
            chosen, decided = deciding.decide(self.model, said, self.task.name, groups)
            decided = dataclasses.replace(decided, what="users" if self.task.of_users else "cases")
            columns["decision"] = pa.array(chosen[order], pa.bool_())
        if reasons:
            why = [answers.why[place] for place in order.tolist()] if most is None else self._why(answers, order)
            because = [[dataclasses.asdict(reason) for reason in each] for each in why]
            columns["reasons"] = pa.array(because, pa.list_(REASON))
        moment = dt.datetime.fromtimestamp(self.now_us / 1e6, dt.UTC).isoformat(timespec="seconds")
        about = self.bundle.about
        by_whom = (about["question_text"], about["served"], self.bundle.version)
        return Predictions(*by_whom, moment, answers.users, left_out, pa.table(columns), decided, unasked)

    def _answers(self, rows: Int64, *, reasons: bool) -> _Answers:
        parts: list[_Answers] = []
        horizon = int(self.bundle.about["horizon_us"])
        for begin in range(0, max(len(rows), 1), self.task.at_once):
            some = rows[begin : begin + self.task.at_once]
            examples = self.task.now(self.log, self.now_us, horizon, some)
            parts.append(self._part(examples, reasons=reasons))
        return _Answers.joined(parts)

    def _why(self, answers: _Answers, places: Int64) -> list[tuple[Reason, ...]]:
        """Return the reasons of some answers, asked once more: those of everybody would be worked out for nothing."""
        again = self._answers(np.unique(answers.rows[places]), reasons=True)
        found = {(row, nth): at for at, (row, nth) in enumerate(again.keys())}
        keys = answers.keys()
        return [again.why[found[keys[place]]] for place in places.tolist()]

    def _part(self, examples: Examples, *, reasons: bool) -> _Answers:
        answered = self.task.answered(self.model.predict(examples), examples)
        shown = examples if len(answered.places) == len(examples) else examples.take(answered.places)
        about: dict[str, list[str | None]] = {}
        if shown.about is not None:
            about = {"kind": [], "thing": []}
            items = self.bundle.vocabularies.ids["item"]
            for code in shown.about.codes.tolist():
                kind = shown.about.kinds[shown.about.kind_of(code)]
                about["kind"].append(kind)
                about["thing"].append(items[code - FIRST_CODE] if kind == "item" else shown.about.names[code - 1])
        why = reasons_of(self.model, shown, self.names) if reasons else []
        more = dict(answered.more)
        if self.model.lifetime is not None:
            more[COLUMN] = spent_ahead(self.model.lifetime, shown)
        return _Answers(shown.rows, answered.said, more, about, why)


@dataclasses.dataclass(frozen=True)
class _Answers:
    """What is foretold, a row an answer.

    Attributes:
        rows: Whose history, int64 [answers].
        said: float64 [answers].
        more: Further columns of numbers.
        about: Further columns of names.
        why: Reasons; nothing where nobody asked for them.
    """

    rows: Int64
    said: npt.NDArray[np.float64]
    more: dict[str, npt.NDArray[np.float64]]
    about: dict[str, list[str | None]]
    why: list[tuple[Reason, ...]]

    @property
    def users(self) -> int:
        """Number of users."""
        return len(np.unique(self.rows))

    def keys(self) -> list[tuple[int, int]]:
        """Return of each answer whose it is, and the how manyeth of that user's it is."""
        met: dict[int, int] = {}
        found = []
        for row in self.rows.tolist():
            found.append((row, met.get(row, 0)))
            met[row] = met.get(row, 0) + 1
        return found

    @staticmethod
    def joined(parts: Sequence[_Answers]) -> _Answers:
        """Return one after another."""
        first = parts[0]
        return _Answers(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.said for part in parts]),
            {name: np.concatenate([part.more[name] for part in parts]) for name in first.more},
            {name: [each for part in parts for each in part.about[name]] for name in first.about},
            [each for part in parts for each in part.why],
        )


def _fields(task: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(task)]
