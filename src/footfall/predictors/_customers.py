"""What the models of lifetimes are given: customers by frequency, recency and age, and parameters, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import column

Float64 = npt.NDArray[np.float64]
Model = TypeVar("Model")


@dataclasses.dataclass(frozen=True)
class Customers:
    """Customers in three numbers each; made by ``of``.

    Attributes:
        frequency: Repeat purchases, whole numbers from 0, float64 [customers].
        recency: Time from first purchase to last, from 0 to age, float64 [customers].
        age: Time from first purchase to now, above 0, float64 [customers].
    """

    frequency: Float64
    recency: Float64
    age: Float64

    def __len__(self) -> int:
        return len(self.age)

    @classmethod
    def of(cls, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike) -> Customers:
        """Check the three columns; there may be no customers.

        Args:
            frequency: [customers].
            recency: [customers].
            age: [customers].

        Raises:
            InputError: A column cannot be used, or customers contradict themselves; the message has the first.
        """
        rows = np.size(frequency)
        if not rows:
            return cls(*(_none(name, part) for name, part in (("recency", recency), ("age", age), ("age", age))))
        x = column("frequency", frequency)
        t_x, t = column("recency", recency, len(x)), column("age", age, len(x))
        for wrong, why in (
            ((x < 0) | (x != np.floor(x)), "frequency is a whole number of repeat purchases, from 0"),
            (t <= 0, "age is above 0; leave out customers whose first purchase is at the cutoff"),
            ((t_x < 0) | (t_x > t), "recency lies between 0 and age: it is the time from first purchase to last"),
            ((x == 0) & (t_x > 0), "recency is 0 without a repeat purchase: the last purchase is then the first"),
        ):
            if wrong.any():
                first = int(np.argmax(wrong))
                raise InputError(
                    f"{int(wrong.sum())} of {len(x)} customers, the first with frequency {x[first]:g}, recency "
                    f"{t_x[first]:g}, age {t[first]:g}: {why}"
                )
        return cls(x, t_x, t)


def horizon_of(horizon: npt.ArrayLike, customers: int | None = None) -> Float64:
    """Return horizons, float64: in the shape they were given in, or one a customer.

    Args:
        horizon: From 0, in the unit of time that the model was fitted in.
        customers: How many there are; one horizon is then for all of them.

    Raises:
        InputError: One is below 0 or not finite; neither one for all nor one a customer.
    """
    try:
        t = np.asarray(horizon, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"horizon = {horizon!r}; give numbers, in the unit that the model was fitted in") from None
    if not np.isfinite(t).all() or (t < 0).any():
        raise InputError(f"horizon = {horizon!r}; give times from 0, in the unit that the model was fitted in")
    if customers is None:
        return t
    if t.shape not in {(), (customers,)}:
        raise InputError(f"horizons of shape {list(t.shape)} for {customers} customers; give one for all, or one each")
    return np.broadcast_to(t, (customers,))


def positive(parameters: Mapping[str, float]) -> None:
    """Refuse parameters that are not above 0.

    Args:
        parameters: By name.

    Raises:
        InputError: One is not above 0, or not finite.
    """
    for name, value in parameters.items():
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value}; a parameter of this model is a finite number above 0")


def penalty_of(penalty: float) -> float:
    """Return a penalty.

    Args:
        penalty: From 0.

    Raises:
        InputError: It is below 0 or not finite.
    """
    if not (np.isfinite(penalty) and penalty >= 0):
        raise InputError(f"penalty = {penalty}; give 0 for none, or a small number as 0.001")
    return float(penalty)


def as_parts(model: Any) -> dict[str, Any]:
    """Return the fields of a model as JSON-ready values.

    Args:
        model: A frozen dataclass with ``log_likelihood`` and ``notes``.
    """
    parts = dataclasses.asdict(model) | {"notes": list(model.notes)}
    return parts | {"log_likelihood": None if np.isnan(model.log_likelihood) else model.log_likelihood}


def from_parts(model: type[Model], parts: Mapping[str, Any]) -> Model:
    """Make a model of what ``as_parts`` gave.

    Args:
        model: Its class.
        parts: By field.

    Raises:
        InputError: A part is missing, unknown or wrong.
    """
    try:
        given = dict(parts)
        whole, notes = int(given.pop("customers")), tuple(map(str, given.pop("notes")))
        numbers = {name: float("nan") if value is None else float(value) for name, value in given.items()}
        made: Any = model
        fitted: Model = made(**numbers, customers=whole, notes=notes)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{model.__name__} cannot be read ({error}); give what to_dict gave") from None
    return fitted


def _none(name: str, part: npt.ArrayLike) -> Float64:
    if np.size(part):
        raise InputError(f"{name} for {np.size(part)} customers, and frequency for none; give one of each a customer")
    return np.zeros(0)
