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
from footfall.results import Result
from footfall.serving.bundles import Bundle
from footfall.serving.naming import names_of
from footfall.serving.people import ids_of, rows_of
from footfall.tasks._base import Task
from footfall.tasks._lifetime import COLUMN, spent_ahead
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction
from footfall.tasks._probable import Calibrated
from footfall.tasks._reasons import Reason, reasons_of
from footfall.tasks._registry import by_name

AT_ONCE: Final = 20_000
"""Users whose features are held at once."""
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
        table: ``user_id`` and ``probability`` or ``amount``, highest first where everybody is asked; of amounts also
            ``low``, ``median`` and ``high``, their quantiles .1, .5 and .9, where the model knows them, and
            ``lifetime_365d``, what is expected within a year in today's money, where customers come back; with reasons,
            a list of what moved each answer most.
    """

    question: str
    model: str
    version: str
    as_of: str
    users: int
    left_out: tuple[str, ...]
    table: pa.Table

    def headline(self) -> str:
        """Say what this is."""
        return (
            f"{self.question}: {self.users:,} users as of {self.as_of[:16]}, by {self.model} (version {self.version})"
        )

    def notes(self) -> Sequence[str]:
        """Say who is left out."""
        if not self.left_out:
            return ()
        shown = ", ".join(self.left_out[:5])
        return (f"Nothing is known of {len(self.left_out):,} of those asked for, and nothing is foretold: {shown}.",)

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

    def predict(self, users: Sequence[str] | None = None, *, reasons: bool = False) -> Predictions:
        """Return what is foretold of users.

        Args:
            users: Their ids; everybody that the question is about without it.
            reasons: Whether each answer says what moved it.
        """
        left_out: tuple[str, ...] = ()
        if users is None:
            rows, ids = self.task.asked(self.log, self.now_us), ids_of(self.histories)
            names = [ids[row] for row in rows.tolist()]
        else:
            found = rows_of(self.histories, users)
            known = (found >= 0) & (self.log.raw.lengths[np.maximum(found, 0)] > 0)
            left_out = tuple(user for user, is_known in zip(users, known.tolist(), strict=True) if not is_known)
            rows = found[known]
            names = [user for user, is_known in zip(users, known.tolist(), strict=True) if is_known]
        said, why, ahead = self._answers(rows, reasons=reasons)
        order = np.argsort(-said, kind="stable") if users is None else np.arange(len(said))
        columns: dict[str, Any] = {
            "user_id": pa.array([names[place] for place in order.tolist()], pa.string()),
            SAID[self.model.kind]: pa.array(said[order], pa.float64()),
        }
        if self.model.bands is not None:
            around = self.model.bands.apply(said[order])
            columns |= {name: pa.array(around[:, at], pa.float64()) for at, name in enumerate(BANDS)}
        if self.model.lifetime is not None:
            columns[COLUMN] = pa.array(ahead[order], pa.float64())
        if reasons:
            told = [[dataclasses.asdict(reason) for reason in why[place]] for place in order.tolist()]
            columns["reasons"] = pa.array(told, pa.list_(REASON))
        moment = dt.datetime.fromtimestamp(self.now_us / 1e6, dt.UTC).isoformat(timespec="seconds")
        about = self.bundle.about
        return Predictions(
            about["question_text"], about["served"], self.bundle.version, moment, len(rows), left_out, pa.table(columns)
        )

    def _answers(
        self, rows: npt.NDArray[np.int64], *, reasons: bool
    ) -> tuple[npt.NDArray[np.float64], list[tuple[Reason, ...]], npt.NDArray[np.float64]]:
        said, why, ahead = [np.zeros(0)], [], [np.zeros(0)]
        horizon = int(self.bundle.about["horizon_us"])
        for begin in range(0, len(rows), AT_ONCE):
            examples = self.log.at(rows[begin : begin + AT_ONCE], self.now_us, horizon)
            said.append(self.model.predict(examples))
            why += reasons_of(self.model, examples, self.names) if reasons else []
            if self.model.lifetime is not None:
                ahead.append(spent_ahead(self.model.lifetime, examples))
        return np.concatenate(said), why, np.concatenate(ahead)


def _fields(task: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(task)]
