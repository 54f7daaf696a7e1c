"""Blend: several families together, weighed by how well they foretell users whom they did not learn from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from footfall.errors import FootfallError, InputError
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._estimators import one_label, read_about
from footfall.predictors.boosting import Boosting
from footfall.predictors.forest import Forest
from footfall.predictors.lifetime import Lifetime
from footfall.predictors.linear import Linear
from footfall.predictors.mlp import Mlp

MEMBERS: Final[tuple[type[Predictor], ...]] = (Boosting, Forest, Lifetime, Linear, Mlp)
"""Who is asked. One that cannot learn from the examples (no orders, say) is left out."""
HELD_OUT: Final = 0.25
"""Share of users by whom members are weighed; all of them learn from everybody afterwards."""
TOWARDS_EQUAL: Final = 20.0
"""Examples' worth of belief that all members are equally good."""
_EDGE: Final = 1e-4
"""Nearest to 0 and 1 that a member's chance comes before its log-odds are taken: none is to shout the others down."""
_POWER: Final = 1.5
"""Of Tweedie's deviance, between counts (1) and a gamma's long tail (2)."""


class Blend(Predictor):
    """A weighted sum of members' log-odds of a chance, or of members' amounts; no weight is below 0.

    Stacked generalisation (Wolpert 1992) with weights from 0 (Breiman, Stacked Regressions, 1996). Weights are learnt
    on users held out, by log loss of a chance and by Tweedie's deviance of an amount, drawn towards equal ones.
    """

    name: ClassVar[str] = "blend"
    title: ClassVar[str] = "several families, weighed"

    def __init__(self, kind: Kind = "binary") -> None:
        """Make one that has learnt nothing.

        Args:
            kind: What is foretold.
        """
        self.kind = kind
        self.members: dict[str, Predictor] = {}
        self.weights: list[float] = []
        self.base = 0.0

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:
        """Learn from examples; the arguments are those of the protocol.

        Raises:
            InputError: There are no labels, or all are the same.
        """
        told = examples.told
        if len(np.unique(told)) < 2:
            raise one_label(told)
        away = _held_out(examples, seed)
        rest, judges = examples.take(np.flatnonzero(~away)), examples.take(np.flatnonzero(away))
        tried = self._fitted(MEMBERS, rest, seed) if _both(self.kind, rest.told, judges.told) else {}
        self.members = self._fitted([by for by in MEMBERS if not tried or by.name in tried], examples, seed)
        if not self.members:
            raise InputError("no member of the blend could learn from these examples; read a longer log")
        if tried.keys() != self.members.keys():  # too few users to weigh anybody by
            self.base, self.weights = 0.0, [1 / len(self.members)] * len(self.members)
        else:
            parts = np.stack([self._part(member, judges) for member in tried.values()], 1)
            self.base, self.weights = weights_of(self.kind, parts, judges.told)
        return self

    def _fitted(self, families: Sequence[type[Predictor]], examples: Examples, seed: int) -> dict[str, Predictor]:
        found: dict[str, Predictor] = {}
        for family in families:
            member: Any = family
            try:
                found[family.name] = member(self.kind).fit(examples, seed=seed)
            except FootfallError:
                continue
        return found

    def _part(self, member: Predictor, examples: Examples) -> Float64:
        said = member.predict(examples)
        return special.logit(np.clip(said, _EDGE, 1 - _EDGE)) if self.kind == "binary" else np.maximum(said, 0)

    def predict(self, examples: Examples) -> Float64:
        """Return a score for each, as the protocol says.

        Raises:
            InputError: Nothing was learnt yet, or a column is missing.
        """
        parts = np.stack([self._part(member, examples) for member in self._asked().values()], 1)
        # One column after the other: a sum must not depend on how many rows are asked about at once.
        total = np.full(len(parts), self.base)
        for weight, part in zip(self.weights, parts.T, strict=True):
            total += weight * part
        said: Float64 = special.expit(total) if self.kind == "binary" else total
        return said

    def _asked(self) -> dict[str, Predictor]:
        if not self.members:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        return self.members

    def importances(self) -> Mapping[str, float]:
        """Return the share of each feature: the members', weighed as the members are."""
        found: dict[str, float] = {}
        for weight, member in zip(self.weights, self.members.values(), strict=True):
            for name, share in member.importances().items():
                found[name] = found.get(name, 0.0) + weight * share
        total = sum(found.values())
        return {name: share / total for name, share in found.items()} if total > 0 else {}

    def save(self, folder: Path) -> None:
        """Write each member into a folder of its own, and the weights as JSON.

        Args:
            folder: An existing, empty folder.
        """
        for name, member in self._asked().items():
            (folder / name).mkdir()
            member.save(folder / name)
        about = {"predictor": self.name, "format": 1, "kind": self.kind, "members": list(self.members)}
        about |= {"weights": self.weights, "base": self.base}
        (folder / "settings.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, or a member that this Footfall does not know.
        """
        about = read_about(folder, cls.name)
        found = cls(about["kind"])
        known = {family.name: family for family in MEMBERS}
        for name in about["members"]:
            if name not in known:
                raise InputError(f"{folder} keeps the member {name!r}, which is unknown; train again")
            found.members[name] = known[name].load(folder / name)
        found.weights, found.base = about["weights"], about["base"]
        return found


def weights_of(kind: Kind, parts: Float64, told: Float64) -> tuple[float, list[float]]:
    """Return a base and the weight of each member, from 0, that make what happened likeliest.

    Args:
        kind: What is foretold.
        parts: Log-odds, or amounts from 0, that members said, float64 [examples, members].
        told: What came of it, float64 [examples].
    """
    members = parts.shape[1]
    equal = np.full(members, 1 / members)
    scale = 1.0 if kind == "binary" else max(float(parts.mean()), 1e-12)
    unit, wanted = parts / scale, told if kind == "binary" else told / scale
    loss = _of_chances if kind == "binary" else _of_amounts

    def cost(values: Float64) -> tuple[float, Float64]:
        base, weights = values[0], values[1:]
        total = base + unit @ weights
        value, slope = loss(total, wanted)
        apart = weights - equal
        pull = TOWARDS_EQUAL / len(told)
        gradient = np.concatenate(([slope.mean()], unit.T @ slope / len(told) + 2 * pull * apart))
        return value + pull * float(apart @ apart), gradient

    # An amount has no base of its own: it would be given to those who never buy.
    around: list[tuple[float | None, float | None]] = [(None, None) if kind == "binary" else (0.0, 0.0)]
    found = optimize.minimize(
        cost, np.concatenate(([0.0], equal)), jac=True, method="L-BFGS-B", bounds=[*around, *[(0.0, None)] * members]
    )
    base, *weights = found.x.tolist()
    if not sum(weights) > 0:
        return 0.0, equal.tolist()
    return base * scale if kind == "amount" else base, weights


def _of_chances(total: Float64, told: Float64) -> tuple[float, Float64]:
    return float(np.mean(np.logaddexp(0, total) - told * total)), special.expit(total) - told


def _of_amounts(total: Float64, told: Float64) -> tuple[float, Float64]:
    mu = np.maximum(total, 1e-3)
    value = -told * mu ** (1 - _POWER) / (1 - _POWER) + mu ** (2 - _POWER) / (2 - _POWER)
    slope = np.where(total > 1e-3, mu**-_POWER * (mu - told), 0)
    return float(value.mean()), slope


def _held_out(examples: Examples, seed: int) -> npt.NDArray[np.bool_]:
    users = np.unique(examples.rows)
    away = np.random.default_rng((seed, 11)).permutation(users)[: int(len(users) * HELD_OUT)]
    found: npt.NDArray[np.bool_] = np.isin(examples.rows, away)
    return found


def _both(kind: Kind, *labels: Float64) -> bool:
    return all(len(np.unique(told > 0 if kind == "binary" else told)) > 1 for told in labels)
