"""Decisions: each rule against trying all, for every task; what does not go together is refused in one line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.evaluation.precision_curve import PrecisionCurve
from footfall.histories.memory import from_events
from footfall.predictors._base import Kind
from footfall.predictors.constant import Constant
from footfall.tasks._decisions import Deciding, Rule
from footfall.tasks._groups import UNKNOWN, by_user, read_groups
from footfall.tasks._prediction import Prediction
from footfall.tasks._probable import Calibrated
from footfall.tasks._registry import tasks

KINDS: tuple[Kind, ...] = ("binary", "amount")
said_of = st.lists(st.integers(0, 20), min_size=0, max_size=40)


def model(kind: Kind, curve: PrecisionCurve | None = None) -> Calibrated:
    return Calibrated(Constant(kind), kind, {}, 0.0, curve=curve)


def decide(kind: Kind, said: Any, curve: PrecisionCurve | None = None, groups: Any = None, **asked: Any) -> Any:
    deciding = Deciding.of(**asked)
    assert deciding is not None
    return deciding.decide(model(kind, curve), np.asarray(said, np.float64), "this", groups)


@pytest.mark.parametrize("kind", KINDS)
@given(numbers=said_of, places=st.integers(1, 45))
def test_a_capacity_takes_the_highest(kind: Kind, numbers: list[int], places: int) -> None:
    said = [n / 20 for n in numbers]
    chosen, told = decide(kind, said, capacity=places)
    best = sorted(said, reverse=True)[:places]
    assert sorted(np.array(said)[chosen], reverse=True) == best
    assert (told.chosen, told.users) == (len(best), len(said))
    assert told.expected_hits == pytest.approx(sum(best))
    assert told.expected_gain is None
    if best:
        assert told.threshold == best[-1]
        assert told.by_lot == said.count(best[-1]) - best.count(best[-1])
        assert (told.expected_precision is None) == (kind == "amount")


@given(said_of, st.integers(1, 10), st.integers(1, 10))
def test_a_cost_takes_all_of_whom_more_is_expected(numbers: list[int], cost: int, gain: int) -> None:
    for kind, said, more in (("binary", [n / 20 for n in numbers], {"gain": gain}), ("amount", numbers, {})):
        chosen, told = decide(kind, said, cost=cost, **more)  # type: ignore[arg-type]  # a tuple's text is any text
        net = [one * more.get("gain", 1) - cost for one in said]
        assert chosen.tolist() == [each > 0 for each in net]
        assert told.expected_gain == pytest.approx(sum(each for each in net if each > 0))
        assert told.chosen == sum(each > 0 for each in net)
        assert told.notes()
        assert str(told.chosen) in told.headline()


def test_a_precision_is_what_was_seen_where_it_was_calibrated() -> None:
    curve = PrecisionCurve.of(np.repeat([0.1, 0.5, 0.9], 20), np.tile([0, 0, 0, 0, 1], 4).tolist() * 2 + [1] * 20)
    said = [0.05, 0.3, 0.5, 0.7, 0.95]
    chosen, told = decide("binary", said, curve, precision=0.6)
    assert chosen.tolist() == [False, False, True, True, True]
    assert told.threshold == 0.5
    assert told.reached_precision[0] == pytest.approx(24 / 40)
    assert told.reached_precision[1] < 0.6 < told.reached_precision[2]
    assert "had a precision of 0.6 [" in " ".join(told.notes())
    nobody, empty = decide("binary", [0.1, 0.2], curve, precision=0.9)
    assert not nobody.any()
    assert empty.expected_precision is None
    assert "Nobody is chosen" in empty.notes()[0]
    with pytest.raises(InputError, match="without what came of its probabilities; train again"):
        decide("binary", said, precision=0.6)


def test_equal_shares_are_of_as_many_as_the_rule_takes() -> None:
    rng = np.random.default_rng(0)
    names = np.array(["a", "b"] * 100)
    said = np.where(names == "a", rng.beta(2, 2, 200), rng.beta(1, 4, 200))
    single, _ = decide("binary", said, cost=1, gain=2)
    fair, told = decide("binary", said, cost=1, gain=2, fair_by="country", groups=names)
    assert fair.sum() == single.sum()
    assert abs(int(fair[names == "a"].sum()) - int(fair[names == "b"].sum())) <= 1
    assert told.unfair_hits == pytest.approx(said[single].sum())
    assert told.expected_hits < told.unfair_hits
    assert {group.group: group.threshold for group in told.groups} == {
        name: said[fair & (names == name)].min() for name in "ab"
    }
    assert "one threshold for all" in " ".join(told.notes())
    assert "by country" in told.headline()
    amounts, _ = decide("amount", said * 50, capacity=20, fair_by="country", groups=names)
    assert [int(amounts[names == name].sum()) for name in "ab"] == [10, 10]


@pytest.mark.parametrize("name", sorted(name for name, task in tasks().items() if issubclass(task, Prediction)))
def test_every_task_takes_the_rules_that_fit_it(name: str) -> None:
    kind = tasks()[name].kind  # type: ignore[attr-defined]  # every prediction has one
    curve = PrecisionCurve.of(np.linspace(0, 1, 50), np.arange(50) > 25)
    said = np.linspace(0, 1, 60)
    fit: list[dict[str, Any]] = [{"capacity": 7}, {"cost": 0.5, "gain": 2} if kind == "binary" else {"cost": 0.5}]
    fit += [{"precision": 0.7}] if kind == "binary" else []
    for asked in fit:
        chosen, _ = decide(kind, said, curve, **asked)
        assert 0 < chosen.sum() < 60
    unfit: list[dict[str, Any]] = [{"cost": 1}] if kind == "binary" else [{"precision": 0.7}, {"cost": 1, "gain": 3}]
    for asked in unfit:
        with pytest.raises(InputError, match=r"this foretells|needs --gain"):
            decide(kind, said, curve, **asked)


def test_no_rule_is_no_decision() -> None:
    assert Rule.of() is None
    assert Deciding.of() is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"capacity": 3, "precision": 0.5}, "--capacity and --precision are rules of their own; give one of"),
        ({"capacity": 3, "cost": 1, "gain": 2}, "--capacity and --cost are rules"),
        ({"capacity": 3, "gain": 2}, "--gain goes with --cost, not with --capacity"),
        ({"gain": 2}, "--gain 2 alone decides nothing"),
        ({"capacity": 0}, "--capacity 0; give how many"),
        ({"precision": 60}, "--precision 60; give a share"),
        ({"cost": 0, "gain": 1}, "--cost 0; give a number above 0"),
        ({"cost": 1, "gain": float("nan")}, "--gain nan"),
        ({"fair_by": "country"}, "fairness is of a decision; give one of"),
        ({"capacity": 3, "fair": "parity"}, "needs groups; give --fair-by COLUMN"),
        ({"capacity": 3, "fair_by": "country", "fair": "pairity"}, "did you mean 'parity'"),
        ({"capacity": 3, "fair_by": "countri"}, "did you mean 'country'"),
        ({"capacity": 3, "fair_by": "country", "groups": {"a": "b"}}, "two ways to tell users apart"),
        ({"capacity": 3, "groups": "nowhere.csv"}, "there is no such file"),
    ],
)
def test_what_does_not_go_together_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as told:
        Deciding.of(**asked)
    assert "\n" not in str(told.value)


def test_hits_of_an_amount_are_refused() -> None:
    with pytest.raises(InputError, match="give --fair parity"):
        decide("amount", [1.0], capacity=1, fair_by="country", fair="opportunity", groups=np.array(["a"]))


# --- what is kept, and groups of a file -------------------------------------------------------------------------------


def test_groups_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ages.csv"
    file.write_text("user_id,group,more\n007,young,1\nu2,old,2\nu9,,3\n")
    assert read_groups(file) == {"007": "young", "u2": "old"}
    row = {"item_id": "i", "event_type": "view_item"}
    histories = from_events([row | {"user_id": user, "timestamp": n} for n, user in enumerate(("u1", "u2", "007"))])
    ids = [id_ for users in histories.users for id_ in users["user_id"].to_pylist()]
    named = dict(zip(ids, by_user(histories, read_groups(file)).tolist(), strict=True))
    assert named == {"u1": UNKNOWN, "u2": "old", "007": "young"}
    with pytest.raises(InputError, match="knows none of the 1 users"):
        by_user(histories, {"nobody": "x"})
    for text, said in (
        ("user_id,age\na,1\n", "no group"),
        ("user_id,group\na,x\na,y\n", "two groups"),
        ("user_id,group\n,x\n", "no user a group"),
        ("", "cannot be read"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=said):
            read_groups(file)


def test_an_older_bundle_has_no_curve_and_is_read(tmp_path: Path) -> None:
    constant = Constant("binary")
    constant.mean = 0.5
    kept = dataclasses.replace(model("binary", PrecisionCurve.of([0.2, 0.4], [0, 1])), predictor=constant)
    kept.save(tmp_path)
    assert Calibrated.load(tmp_path).curve == kept.curve
    about = json.loads((tmp_path / "calibrated.json").read_text())
    del about["curve"]
    (tmp_path / "calibrated.json").write_text(json.dumps(about))
    assert Calibrated.load(tmp_path).curve is None
