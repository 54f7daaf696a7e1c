"""Only: another recommender that sees events of some types, when it learns and when it is asked."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._registry import families
from footfall.recommenders.als import Als
from footfall.recommenders.blend import Blend
from footfall.recommenders.markov import Markov
from footfall.recommenders.only import Only
from footfall.recommenders.popularity import Popularity, PopularityUser

VIEW, BUY, CART = 3, 4, 5
N_CODES = FIRST_CODE + 8


def random_log(n: int = 40, seed: int = 0) -> Sequences:
    rng = np.random.default_rng(seed)
    offsets = np.concatenate(([0], np.cumsum(rng.integers(0, 12, n))))
    total = int(offsets[-1])
    return Sequences(
        offsets,
        rng.integers(0, N_CODES, total).astype(np.int32),
        N_CODES,
        event_type=rng.choice([VIEW, VIEW, BUY, CART], total).astype(np.int16),
        timestamp_us=np.sort(rng.integers(0, 10**12, total)),
        user_idx=np.arange(n),
    )


LOG, ASKED = random_log(), random_log(9, 1)


def of_types(log: Sequences, types: tuple[int, ...]) -> Sequences:
    assert log.event_type is not None
    return log.where(np.isin(log.event_type, types))


@pytest.mark.parametrize("types", [(BUY,), (VIEW, CART)])
@pytest.mark.parametrize("member", [Popularity(), Markov(), PopularityUser()], ids=lambda member: member.name)
def test_scores_are_the_members_on_those_events_alone(member: Any, types: tuple[int, ...]) -> None:
    found = Only(dataclasses.replace(member), types).fit(LOG, seed=2)
    twin = dataclasses.replace(member).fit(of_types(LOG, types), seed=2)
    np.testing.assert_array_equal(found.scores(ASKED), twin.scores(of_types(ASKED, types)))
    assert (found.scores(ASKED) != dataclasses.replace(member).fit(LOG).scores(ASKED)).any()


def test_without_types_it_is_the_member() -> None:
    np.testing.assert_array_equal(Only(Markov()).fit(LOG).scores(ASKED), Markov().fit(LOG).scores(ASKED))
    untyped = dataclasses.replace(LOG, event_type=None)
    np.testing.assert_array_equal(Only(Markov(), (BUY,)).fit(untyped).scores(untyped), Markov().fit(LOG).scores(LOG))


def test_what_is_bought_after_what_is_bought_is_not_what_is_viewed_after_it() -> None:
    # Views walk up, orders walk down: only who is shown the orders alone sees it.
    rng = np.random.default_rng(0)
    rows, kinds = [], []
    for _ in range(60):
        place = int(rng.integers(8))
        for step in range(6):
            rows += [FIRST_CODE + (place + step) % 8, FIRST_CODE + (place - step) % 8]
            kinds += [VIEW, BUY]
    offsets = np.arange(61) * 12
    log = Sequences(offsets, np.array(rows, np.int32), N_CODES, event_type=np.array(kinds, np.int16))
    history = Sequences(
        np.array([0, 2]), np.array([FIRST_CODE + 1, FIRST_CODE + 5], np.int32), N_CODES, np.array([VIEW, BUY], np.int16)
    )
    settings: dict[str, Any] = {"gap_weights": (1.0,)}
    assert Only(Markov(**settings), (BUY,)).fit(log).scores(history).argmax() == FIRST_CODE + 4
    assert Only(Markov(**settings), (VIEW,)).fit(log).scores(history).argmax() == FIRST_CODE + 2


def test_somebody_with_other_events_only_is_somebody_of_whom_nothing_is_known() -> None:
    found = Only(PopularityUser(), (BUY,)).fit(LOG)
    viewed = Sequences(
        np.array([0, 1, 1]), np.array([FIRST_CODE], np.int32), N_CODES, np.array([VIEW], np.int16), np.array([5])
    )
    scores = found.scores(viewed)
    np.testing.assert_array_equal(scores[0], scores[1])


@pytest.mark.parametrize("member", [Markov(last=3), Only(Popularity(), (VIEW,)), Blend((Markov(), Popularity()))])
def test_the_member_is_kept_with_its_settings_and_its_types(member: Any, tmp_path: Path) -> None:
    fitted = Only(member, (BUY, CART)).fit(LOG)
    fitted.save(tmp_path)
    again = Only.load(tmp_path)
    assert again == fitted
    assert again.types == (BUY, CART)
    np.testing.assert_array_equal(again.scores(ASKED), fitted.scores(ASKED))


def test_a_member_of_a_family_that_is_gone_is_said(tmp_path: Path) -> None:
    Only(Popularity(), (BUY,)).fit(LOG).save(tmp_path)
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"member": "popularitx"}))
    with pytest.raises(InputError, match="unknown recommender 'popularitx'; did you mean 'popularity'"):
        Only.load(tmp_path)


def grown(log: Sequences, by: int) -> Sequences:
    return dataclasses.replace(log, n_codes=log.n_codes + by)


@pytest.mark.parametrize(
    "model",
    [
        Only(Markov(), (BUY,)),
        Blend((Only(Markov(), (BUY,)), PopularityUser()), (0.5, 0.5)),
        Only(Blend((Markov(), Popularity())), (VIEW,)),
    ],
    ids=["only", "blend of only", "only of blend"],
)
def test_a_newer_log_makes_room_in_every_member(model: Any) -> None:
    model.fit(LOG)
    before = model.scores(ASKED)
    newer = grown(ASKED, 2)
    with pytest.raises(InputError, match="was fitted on a vocabulary of 11 item codes, and the histories have 13"):
        model.scores(newer)
    assert model.grow(newer)
    after = model.scores(newer)
    assert after.shape == (len(ASKED), N_CODES + 2)
    assert np.isfinite(after[:, FIRST_CODE:]).all()
    assert (after[:, -1] == after[:, -2]).all()  # of two that nobody has met none is better
    if isinstance(model, Only) and isinstance(
        model.member, Markov
    ):  # a blend puts all items on one scale, new ones too
        np.testing.assert_array_equal(after[:, :-2], before)
    else:
        best, second = -np.sort(-before[:, FIRST_CODE:], axis=1)[:, :2].T
        clear = best - second > 0.5
        assert clear.any()
        np.testing.assert_array_equal(after.argmax(1)[clear], before.argmax(1)[clear])


def test_an_item_added_since_stands_in_a_history_as_one_nobody_has_met() -> None:
    model = Only(Markov(), (VIEW,)).fit(LOG)
    model.grow(grown(LOG, 1))
    two = Sequences(
        np.array([0, 2]), np.array([FIRST_CODE, N_CODES], np.int32), N_CODES + 1, np.array([VIEW, VIEW], np.int16)
    )
    one = Sequences(np.array([0, 1]), np.array([FIRST_CODE], np.int32), N_CODES + 1, np.array([VIEW], np.int16))
    np.testing.assert_array_equal(model.scores(two), model.scores(one))


def test_growing_twice_counts_from_what_was_learnt() -> None:
    model = Markov().fit(LOG)
    for by in (3, 1, 0):
        model.grow(grown(LOG, by))
        assert model.scores(grown(ASKED, by)).shape == (len(ASKED), N_CODES + by)
    again = model.fit(grown(LOG, 5))
    assert again.scores(grown(ASKED, 5)).shape[1] == N_CODES + 5


def test_a_member_that_cannot_grow_is_told() -> None:
    class Rigid(Popularity):
        def grow(self, newer: Sequences) -> bool:
            del newer
            return False

    assert not Only(Rigid()).grow(LOG)
    assert not Blend((Rigid(), Markov())).grow(LOG)
    assert Blend((Markov(), Popularity())).grow(LOG)


def test_it_is_a_family_but_als_is_none_of_its_members_by_itself() -> None:
    assert families()["only"] is Only
    assert Only().member == Popularity()
    assert Only().member is not Only().member
    assert Only(Als()).member == Als()
