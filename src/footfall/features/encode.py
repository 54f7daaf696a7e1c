"""Encoders: columns of codes turned into numbers, for families that cannot read codes.

What is learnt is learnt from the training rows handed to ``fit``; ``apply`` does the same to any rows later, also to
codes that no training row had. Missing (NaN) and "no code" (0) are one code of its own.

* ``one_hot``: a column of 0 and 1 for each of the most frequent codes, and one for all other codes.
* ``target``: the mean label of the training rows with the code, drawn towards the mean of all by an m-estimate,
  (sum + m * mean) / (count + m) (Micci-Barreca 2001). A training row must not be told its own label, so
  ``fit_apply`` gives training rows the means of the other folds; rows of one history are in one fold.
* ``hashed``: each code is hashed to one of a few columns, with a sign (Weinberger et al. 2009). Nothing is learnt.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.features.table import FeatureTable

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

Kind = Literal["one_hot", "target", "hashed"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
FORMAT: Final = 1


@dataclasses.dataclass(frozen=True)
class EncodeSpec:
    """How to encode.

    Attributes:
        kind: One of ``KINDS``.
        most: ``one_hot``: most codes of a column that get a column of their own.
        smoothing: ``target``: how many rows the mean of all counts for beside a code's own.
        folds: ``target``: number of folds of the training rows.
        buckets: ``hashed``: number of columns that a column of codes becomes.
        seed: Of the folds and the hash.
    """

    kind: Kind = "one_hot"
    most: int = 20
    smoothing: float = 20.0
    folds: int = 5
    buckets: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            InputError: One is not among its accepted values.
        """
        if self.kind not in KINDS:
            raise InputError(unknown_name("encoding", str(self.kind), KINDS))
        for name, least in (("most", 1), ("folds", 2), ("buckets", 1)):
            if getattr(self, name) < least:
                raise InputError(
                    f"{name} = {getattr(self, name)} cannot be used; accepted: a whole number from {least}"
                )
        if not 0 <= self.smoothing < np.inf:
            raise InputError(f"smoothing = {self.smoothing} cannot be used; accepted: a number from 0")


@dataclasses.dataclass(frozen=True)
class Encoder:
    """What was learnt from training rows; made by ``fit``.

    Attributes:
        spec: How to encode.
        codes: Codes of each column of codes that training rows had (``one_hot``: the most frequent), ascending.
        means: ``target`` only: the value of each of those codes.
        mean: ``target`` only: the mean label, the value of every other code.
    """

    spec: EncodeSpec
    codes: Mapping[str, tuple[int, ...]]
    means: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    mean: float = 0.0

    def apply(self, table: FeatureTable) -> FeatureTable:
        """Return the table with its columns of codes encoded, after its numbers.

        Raises:
            InputError: Its columns of codes are not those of the training rows.
        """
        self._check(table)
        return self._with(table, [self._encoded(name, table.column(name)) for name in self.codes])

    def state(self) -> dict[str, Any]:
        """Return everything as a dictionary that JSON can hold."""
        return {
            "format": FORMAT,
            "spec": dataclasses.asdict(self.spec),
            "codes": {name: list(codes) for name, codes in self.codes.items()},
            "means": {name: list(means) for name, means in self.means.items()},
            "mean": self.mean,
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the encoder that ``state`` was called on.

        Raises:
            InputError: The state is of another format.
        """
        if state.get("format") != FORMAT:
            raise InputError(f"an encoder of format {state.get('format')}; this version reads {FORMAT}; fit it again")
        return cls(
            EncodeSpec(**state["spec"]),
            {name: tuple(codes) for name, codes in state["codes"].items()},
            {name: tuple(means) for name, means in state["means"].items()},
            state["mean"],
        )

    def _check(self, table: FeatureTable) -> None:
        if set(table.categories) != set(self.codes):
            raise InputError(
                f"these columns of codes are not those of the training rows; given: {', '.join(table.categories)}; "
                f"accepted: {', '.join(self.codes)}"
            )

    def _encoded(self, name: str, column: Float32) -> tuple[list[str], Float32]:
        """Return the names of the new columns and their values, float32 [rows, new columns]."""
        code = _codes(column)
        if self.spec.kind == "hashed":
            return [f"{name}#{bucket}" for bucket in range(self.spec.buckets)], _hashed(name, code, self.spec)
        known = np.array(self.codes[name], np.int64)
        place = np.searchsorted(known, code)
        met = np.concatenate((known, [-1]))[place] == code
        if self.spec.kind == "target":
            means = np.array([*self.means[name], self.mean])
            return [f"{name}~mean"], means[np.where(met, place, len(known))].astype(np.float32)[:, None]
        names = [*(f"{name}={each}" for each in self.codes[name]), f"{name}=other"]
        return names, np.eye(len(names), dtype=np.float32)[np.where(met, place, len(known))]

    def _with(self, table: FeatureTable, parts: Sequence[tuple[list[str], Float32]]) -> FeatureTable:
        numbers = table.only([name for name in table.names if name not in table.categories])
        return FeatureTable(
            (*numbers.names, *(name for names, _ in parts for name in names)),
            np.concatenate((numbers.values, *(values for _, values in parts)), axis=1),
            table.rows,
        )


def fit(table: FeatureTable, spec: EncodeSpec = EncodeSpec(), labels: npt.ArrayLike | None = None) -> Encoder:
    """Learn from training rows how to encode their columns of codes.

    Args:
        table: Training rows, and no others. To train on them with ``target``, encode them by ``fit_apply``.
        spec: How to encode.
        labels: ``target`` only: what came of each row, numbers [rows].

    Raises:
        InputError: ``target`` without labels, or labels that do not fit the rows.
    """
    columns = {name: _codes(table.column(name)) for name in table.categories}
    if spec.kind == "hashed":
        return Encoder(spec, dict.fromkeys(columns, ()))
    if spec.kind == "target":
        known = _labels(labels, len(table))
        mean = float(known.mean()) if len(known) else 0.0
        found = {name: _means(code, known, mean, spec.smoothing) for name, code in columns.items()}
        codes = {name: tuple(each.tolist()) for name, (each, _) in found.items()}
        return Encoder(spec, codes, {name: tuple(means.tolist()) for name, (_, means) in found.items()}, mean)
    return Encoder(spec, {name: _most_frequent(code, spec.most) for name, code in columns.items()})


def fit_apply(
    table: FeatureTable, spec: EncodeSpec = EncodeSpec(), labels: npt.ArrayLike | None = None
) -> tuple[Encoder, FeatureTable]:
    """Learn from training rows, and encode them so that no row is told its own label.

    Args:
        table: Training rows. Those of one history (``table.rows``) are in one fold, at whatever moment they are.
        spec: How to encode.
        labels: ``target`` only: what came of each row, numbers [rows].

    Returns:
        The encoder for other rows, and the training rows encoded; for ``target`` by the other folds' means.

    Raises:
        InputError: As of ``fit``.
    """
    encoder = fit(table, spec, labels)
    if spec.kind != "target":
        return encoder, encoder.apply(table)
    known, fold = _labels(labels, len(table)), _folds(table.rows, spec)
    parts: dict[str, tuple[list[str], Float32]] = {
        name: ([f"{name}~mean"], np.full((len(table), 1), np.nan, np.float32)) for name in encoder.codes
    }
    for number in range(spec.folds):
        inside = fold == number
        if inside.all():
            raise InputError("training rows of one history have no others to learn from; give rows of two or more")
        if inside.any():
            other = fit(table.take(~inside), spec, known[~inside])
            for name, (_, values) in parts.items():
                values[inside] = other._encoded(name, table.column(name)[inside])[1]  # noqa: SLF001 - our own kind
    return encoder, encoder._with(table, list(parts.values()))  # noqa: SLF001 - our own kind


def _codes(column: Float32) -> Int64:
    return np.nan_to_num(column, nan=0.0).astype(np.int64)


def _labels(labels: npt.ArrayLike | None, n_rows: int) -> Float64:
    if labels is None:
        raise InputError("target encoding learns from labels, and there are none; give labels=, a number for each row")
    known = np.asarray(labels, np.float64)
    if known.shape != (n_rows,) or not np.isfinite(known).all():
        raise InputError(f"labels of shape {list(known.shape)}; give {n_rows} finite numbers, one for each row")
    return known


def _means(code: Int64, labels: Float64, mean: float, smoothing: float) -> tuple[Int64, Float64]:
    """Return the distinct codes, ascending, and the smoothed mean label of each."""
    codes, place, count = np.unique(code, return_inverse=True, return_counts=True)
    sums = np.bincount(place, labels, len(codes))
    return codes, (sums + smoothing * mean) / (count + smoothing)


def _most_frequent(code: Int64, most: int) -> tuple[int, ...]:
    codes, count = np.unique(code, return_counts=True)
    return tuple(sorted(codes[np.argsort(-count, kind="stable")[:most]].tolist()))


def _folds(rows: Int64, spec: EncodeSpec) -> Int64:
    """Return the fold of each row, int64 [rows]: histories are dealt out evenly, in an order drawn by the seed."""
    histories, place = np.unique(rows, return_inverse=True)
    dealt = np.random.default_rng(spec.seed).permutation(len(histories)) % spec.folds
    fold: Int64 = dealt[place]
    return fold


def _hashed(name: str, code: Int64, spec: EncodeSpec) -> Float32:
    """Return 1 or -1 in the column that each code hashes to, float32 [rows, buckets]."""
    codes, place = np.unique(code, return_inverse=True)
    digests = [
        hashlib.blake2b(f"{spec.seed} {name} {each}".encode(), digest_size=8).digest() for each in codes.tolist()
    ]
    drawn = np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64)
    table = np.zeros((len(codes), spec.buckets), np.float32)
    bucket = ((drawn >> np.uint64(1)) % np.uint64(spec.buckets)).astype(np.int64)
    table[np.arange(len(codes)), bucket] = np.where(drawn & np.uint64(1), 1, -1)
    return table[place]
