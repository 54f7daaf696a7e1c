"""What holds for every family there is: the same questions to all that are registered."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError, MissingDependencyError, TrainingError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders import _registry
from footfall.recommenders._base import Recommender
from footfall.recommenders._learnt import Learnt
from footfall.recommenders._registry import by_name, families
from footfall.recommenders.blend import Blend
from footfall.recommenders.markov import Markov
from footfall.recommenders.popularity import Popularity

N_CODES = FIRST_CODE + 12
SMALL: dict[str, dict[str, Any]] = {  # settings that make a family quick on few data
    "als": {"factors": 4, "iterations": 3},
    "bpr": {"factors": 4, "iterations": 5},
    "ranked": {"trees": 5, "least": 2, "candidates": 6},
    "tifu_knn": {"nearest": 3, "group_size": 2},
}
every = pytest.mark.parametrize("name", sorted(families()))


def new(name: str) -> Recommender:
    return families()[name](**SMALL.get(name, {}))


def random_sequences(n: int, seed: int, *, n_items: int = 12) -> Sequences:
    """Make sequences of all columns; some are empty, some events are without an item, the last item never happens."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 9, n)
    total = int(lengths.sum())
    codes = rng.choice([0, 1, 2, *range(FIRST_CODE, FIRST_CODE + max(1, n_items - 1))], total)
    return Sequences(
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        item=codes.astype(np.int32),
        n_codes=FIRST_CODE + n_items,
        event_type=np.full(total, 3, np.int16),
        timestamp_us=np.sort(rng.integers(0, 30, total)) * 86_400_000_000,
        order=rng.integers(0, 6, total).astype(np.int32) + 10 * np.repeat(np.arange(n), lengths).astype(np.int32),
        user_idx=np.arange(n),
    )


TRAIN, ASKED = random_sequences(40, 1), random_sequences(9, 2)


def check(scores: Any, histories: Sequences) -> None:
    assert scores.shape == (len(histories), histories.n_codes)
    assert scores.dtype == np.float32
    assert np.isneginf(scores[:, :FIRST_CODE]).all()
    assert np.isfinite(scores[:, FIRST_CODE:]).all()


def test_found_by_being_there() -> None:
    names = ["als", "blend", "bpr", "ease", "markov", "neighbours", "popularity", "popularity_recent"]
    assert set(families()) >= {*names, "popularity_user", "tifu_knn"}
    assert list(families()) == sorted(families())
    assert all(family.name == name and family.title for name, family in families().items())


def test_unknown_name() -> None:
    with pytest.raises(InputError, match="unknown recommender 'markow'; did you mean 'markov'"):
        by_name("markow")


@every
def test_scores_have_their_shape(name: str) -> None:
    check(new(name).fit(TRAIN).scores(ASKED), ASKED)


@every
def test_kept_on_disk_and_read_again(name: str, tmp_path: Path) -> None:
    fitted = new(name).fit(TRAIN, seed=3)
    fitted.save(tmp_path)
    again = families()[name].load(tmp_path)
    assert again == fitted  # the settings
    np.testing.assert_array_equal(again.scores(ASKED), fitted.scores(ASKED))
    assert all(p.suffix in {".json", ".npz", ".safetensors"} for p in tmp_path.rglob("*") if p.is_file())


@every
def test_same_seed_same_scores(name: str) -> None:
    first, second = new(name).fit(TRAIN, seed=7), new(name).fit(TRAIN, seed=7)
    np.testing.assert_array_equal(first.scores(ASKED), second.scores(ASKED))


@every
def test_fitting_again_forgets(name: str) -> None:
    again = new(name).fit(random_sequences(10, 5)).fit(TRAIN)
    np.testing.assert_array_equal(again.scores(ASKED), new(name).fit(TRAIN).scores(ASKED))


@every
def test_other_rows_do_not_matter(name: str) -> None:
    fitted = new(name).fit(TRAIN)
    together = fitted.scores(ASKED)
    for row in range(len(ASKED)):
        alone = fitted.scores(ASKED.take(np.array([row])))
        np.testing.assert_allclose(alone[0], together[row], rtol=2e-5, atol=1e-6)  # a matrix product rounds by its size


@every
def test_input_is_left_as_it_was(name: str) -> None:
    train, asked = copy.deepcopy(TRAIN), copy.deepcopy(ASKED)
    fitted = new(name).fit(train)
    fitted.scores(asked)
    for given, before in ((train, TRAIN), (asked, ASKED)):
        for field in dataclasses.fields(given):
            np.testing.assert_array_equal(getattr(given, field.name), getattr(before, field.name))


@every
def test_scores_are_the_callers(name: str) -> None:
    fitted = new(name).fit(TRAIN)
    before = fitted.scores(ASKED)
    fitted.scores(ASKED)[:] = 5
    np.testing.assert_array_equal(fitted.scores(ASKED), before)


@every
def test_nothing_known_of_anybody(name: str) -> None:
    fitted = new(name).fit(TRAIN)
    empty = TRAIN.where(np.zeros(TRAIN.n_events, bool)).take(np.arange(3))
    scores = fitted.scores(empty)
    check(scores, empty)
    np.testing.assert_array_equal(scores[0], scores[2])
    check(fitted.scores(empty.take(np.arange(0))), empty.take(np.arange(0)))


@pytest.mark.parametrize("name", [name for name, family in families().items() if issubclass(family, Learnt | Blend)])
def test_events_without_an_item_change_nothing(name: str) -> None:
    fitted = new(name).fit(TRAIN)
    np.testing.assert_allclose(fitted.scores(ASKED), fitted.scores(ASKED.with_items()), rtol=1e-6)
    np.testing.assert_allclose(fitted.scores(ASKED), new(name).fit(TRAIN.with_items()).scores(ASKED), rtol=1e-6)


@every
def test_item_that_training_did_not_have(name: str) -> None:
    unknown = dataclasses.replace(ASKED, item=np.full(ASKED.n_events, N_CODES - 1, np.int32))
    assert N_CODES - 1 not in TRAIN.item
    check(new(name).fit(TRAIN).scores(unknown), unknown)


@every
@pytest.mark.parametrize("train", [random_sequences(0, 1), random_sequences(1, 4), random_sequences(5, 1, n_items=1)])
def test_nobody_one_user_one_item(name: str, train: Sequences) -> None:
    model, refused = new(name), ""
    try:
        model.fit(train)
    except TrainingError as error:  # a network may refuse, where it says why
        refused = str(error)
    if refused:
        assert "nothing to learn from" in refused
        return
    asked = random_sequences(4, 3, n_items=train.n_codes - FIRST_CODE)
    check(model.scores(asked), asked)


@every
def test_another_vocabulary_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="fitted on a vocabulary of 15 item codes, and the histories have 16"):
        new(name).fit(TRAIN).scores(random_sequences(2, 2, n_items=13))


@every
def test_asked_before_it_learnt(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has learnt nothing yet; call fit\(\) or load\(\) first"):
        new(name).scores(ASKED)
    with pytest.raises(InputError, match="has learnt nothing yet"):
        new(name).save(tmp_path)


@every
def test_no_such_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a folder that save"):
        families()[name].load(tmp_path)


def test_folder_of_another_family(tmp_path: Path) -> None:
    Markov().fit(TRAIN).save(tmp_path)
    with pytest.raises(InputError, match="keeps the recommender 'markov', not 'popularity'"):
        Popularity.load(tmp_path)
    path = tmp_path / "settings.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(InputError, match="has format 2; accepted: 1"):
        Markov.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("popularity_recent", {"window_days": 0}, "window_days of recommender 'popularity_recent' is 0; accepted: a n"),
        ("markov", {"decay": 0.0}, "decay of recommender 'markov' is 0.0; accepted"),
        ("markov", {"gap_weights": ()}, "gap_weights"),
        ("markov", {"last": 0}, "last"),
        ("neighbours", {"b": 1.5}, "b of"),
        ("neighbours", {"neighbours": 0}, "neighbours of"),
        ("ease", {"regularization": 0}, "regularization"),
        ("als", {"alpha": -1}, "alpha"),
        ("bpr", {"factors": 0}, "factors"),
        ("tifu_knn", {"within_decay": 2}, "within_decay"),
        ("tifu_knn", {"basket_by": "day"}, "basket_by of recommender 'tifu_knn' is 'day'; accepted: auto or order or"),
        ("blend", {"members": ()}, "members"),
        ("blend", {"weights": (1.0, -1.0)}, "weights"),
        ("blend", {"weights": (1.0,)}, "2 numbers from 0, not all 0"),
    ],
)
def test_settings_out_of_range(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        families()[name](**settings)


@pytest.mark.parametrize("name", ["als", "bpr"])
def test_implicit_is_absent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit", None)
    monkeypatch.setitem(sys.modules, f"implicit.cpu.{name}", None)
    with pytest.raises(MissingDependencyError, match=rf"'{name}' needs .*pip install 'footfall\[implicit\]'"):
        new(name).fit(TRAIN)


class Foreign(Popularity):
    name = "foreign"


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install an entry point for as long as a test lasts."""
    families.cache_clear()

    def put(value: str) -> None:
        module = sys.modules.setdefault("footfall_foreign", type(sys)("footfall_foreign"))
        module.__dict__.update(Foreign=Foreign, Markov=Markov, number=3)
        point = EntryPoint("x", value, _registry.GROUP)
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == point.group else [])

    yield put
    sys.modules.pop("footfall_foreign", None)
    monkeypatch.undo()
    families.cache_clear()


def test_families_of_other_packages(entry: Any) -> None:
    entry("footfall_foreign:Foreign")
    assert by_name("foreign") is Foreign


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("footfall_foreign:number", "gives 3; accepted: a class that implements Recommender"),
        ("footfall_foreign:nothing", r"cannot be loaded \(AttributeError"),
        ("footfall_foreign:Markov", "two recommenders are named 'markov'"),
    ],
)
def test_entry_points_that_cannot_be_taken(entry: Any, value: str, message: str) -> None:
    entry(value)
    with pytest.raises(InputError, match=message):
        families()
