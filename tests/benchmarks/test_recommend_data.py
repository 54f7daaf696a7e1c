"""Data sets of the benchmark of recommenders: known counts, what may be learnt, what is asked, and the way to disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

Load = Callable[[str], ModuleType]


@pytest.mark.parametrize(
    ("name", "users", "items", "interactions"), [("beauty", 22_363, 12_101, 198_502), ("toys", 19_412, 11_924, 167_597)]
)
def test_amazon_counts(load: Load, real_data: Path, name: str, users: int, items: int, interactions: int) -> None:
    del real_data
    data = load("_recommend_data").amazon(name, None)
    assert data.facts == {"users": users, "items": items, "interactions": interactions}
    assert len(data.test) == len(data.validation) == len(data.groups) == users
    assert data.train.n_events == interactions - 2 * users
    assert data.test.exclude_seen
    assert data.missed == 0


def test_a_line_of_amazon_is_read_as_it_stands(load: Load, real_data: Path) -> None:
    del real_data
    data = load("_recommend_data").amazon("beauty", 1)
    # 1 1 2 3 4 5	0 0 9244800 62899200 0: items 1 to 3 are learnt, 4 validates, 5 is the test
    assert (data.train[0] - FIRST_CODE + 1).tolist() == [1, 2, 3]
    assert (data.validation.targets - FIRST_CODE + 1).tolist() == [4]
    assert (data.test.targets - FIRST_CODE + 1).tolist() == [5]
    assert data.test.histories.timestamp_us is not None
    assert np.diff(data.test.histories.timestamp_us).tolist() == [0, 9_244_800_000_000, 62_899_200_000_000]
    assert data.attributes is not None
    assert data.attributes.dtype == np.int32
    assert len(data.attributes) == data.train.n_codes
    assert data.attributes[4 - 1 + FIRST_CODE][:4].tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize(
    ("name", "sessions", "interactions", "cases"),
    [("diginetica", 186_670, 906_140, 60_858), ("yoochoose", 116_167, 486_026, 55_400)],
)
def test_session_counts(load: Load, real_data: Path, name: str, sessions: int, interactions: int, cases: int) -> None:
    del real_data
    module = load("_recommend_data")
    data = module.sessions(name, None)
    assert (data.facts["sessions"], data.facts["interactions"]) == (sessions, interactions)
    assert data.facts["test_cases"] == cases == len(data.test) + data.missed == len(data.groups)
    assert len(data.validation) == module.HELD_OUT
    assert data.train.n_events == interactions - module.HELD_OUT
    assert not data.test.exclude_seen


def test_prefixes_of_one_session_are_told_from_the_next_ones(load: Load) -> None:
    prefix = [[1, 2, 3], [1, 2], [1], [1, 2], [1]]
    target = [4, 3, 2, 5, 2]
    assert load("_recommend_data").sessions_of(prefix, target).tolist() == [0, 0, 0, 1, 1]


def test_without_data_there_is_one_clear_line(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_DATA", str(tmp_path / "nothing"))
    with pytest.raises(load("_measure").BenchmarkError, match=r"^no real data; set FOOTFALL_DATA to the folder"):
        load("_recommend_data").home()


def test_attributes_are_coded_by_name(load: Load) -> None:
    logs = load("_recommend_logs")
    assert logs.levels("home.kitchen.pans") == ["home", "home.kitchen", "home.kitchen.pans"]
    found = logs.described(["b", "a", "x"], {"a": ["home", "home.pans"], "b": ["home"]})
    assert found.tolist() == [[0, 0]] * FIRST_CODE + [[1, 0], [1, 2], [0, 0]]


def test_a_data_set_comes_back_from_disk(load: Load, tmp_path: Path) -> None:
    module = load("_recommend_data")
    data = tiny(load, event_types=True)
    module.save(data, tmp_path)
    back = module.load(tmp_path)
    for name in ("train", "early"):
        for field in ("offsets", "item", "event_type", "timestamp_us", "user_idx"):
            assert np.array_equal(getattr(getattr(back, name), field), getattr(getattr(data, name), field)), (
                name,
                field,
            )
    assert np.array_equal(back.test.targets, data.test.targets)
    assert back.test.exclude_seen == data.test.exclude_seen
    assert np.array_equal(back.test.histories.item, data.test.histories.item)
    assert (back.missed, back.users, back.type_names, back.facts) == (
        data.missed,
        data.users,
        data.type_names,
        data.facts,
    )
    assert back.attributes is None


@pytest.mark.parametrize("later", [False, True])
def test_peers_choose_their_epoch_outside_of_what_they_learn_from(load: Load, tmp_path: Path, later: bool) -> None:
    module, peer = load("_recommend_data"), load("_recommend_peer")
    data = tiny(load)
    module.save(data if later else dataclasses.replace(data, early=None), tmp_path)
    learnt, asked = peer.Part(tmp_path / "peer_train.npz"), peer.Part(tmp_path / "peer_validation.npz")
    if later:  # of ten users with three events, one last event is held out
        assert (len(learnt.item), len(asked), len(asked.item)) == (29, 1, 2)
    else:
        assert (len(learnt.item), len(asked), len(asked.item)) == (30, 10, 30)


def test_views_alone_keep_the_cases_and_nothing_else(load: Load) -> None:
    data = tiny(load, event_types=True)
    found = load("_recommend_tools").views_only(data)
    assert found.train.event_type is None
    assert found.train.n_events == int((data.train.event_type == 3).sum())
    assert np.array_equal(found.test.targets, data.test.targets)
    assert len(found.test.histories) == len(data.test.histories)


def tiny(load: Load, *, event_types: bool = False) -> Any:
    """Ten users with five events each, the last of which is the test and the one before it the validation."""
    from footfall.evaluation.splits import leave_one_out, leave_one_out_train

    rng = np.random.default_rng(0)
    whole = Sequences(
        np.arange(0, 51, 5),
        rng.integers(FIRST_CODE, 13, 50).astype(np.int32),
        13,
        timestamp_us=np.arange(50, dtype=np.int64),
        user_idx=np.arange(10),
    )
    if event_types:
        whole = dataclasses.replace(whole, event_type=rng.integers(3, 5, 50).astype(np.int16))
    train = leave_one_out_train(whole)
    return load("_recommend_data").Data(
        "simulated",
        train,
        leave_one_out(whole, back=2),
        leave_one_out(whole),
        early=train,
        groups=np.arange(11),
        missed=1,
        type_names={"view_item": 3, "purchase": 4},
        users=tuple("abcdefghij"),
        facts={"users": 10},
    )
