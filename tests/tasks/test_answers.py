"""From scores to lists: filters by hand, lists and diverse orders beside plain twins, and reasons that were planted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Recommender, Scores
from footfall.recommenders.blend import Blend
from footfall.recommenders.markov import Markov
from footfall.recommenders.neighbours import Neighbours
from footfall.recommenders.popularity import Popularity, PopularityUser
from footfall.tasks._answers import LATE_EVENTS, LEAST_SHARE, Filters, diverse, lists, reasons

F = FIRST_CODE


def of(items: Sequence[Sequence[int]], n_codes: int) -> Sequences:
    offsets = np.cumsum([0, *map(len, items)]).astype(np.int64)
    return Sequences(offsets, np.array([code for row in items for code in row], np.int32), n_codes)


CATALOGUE = pa.table(
    {
        "id": ["root", "men", "boots", "dotted", "mens", "string", "none", "hat"],
        "category": [
            "shoes",
            "shoes > men",
            "shoes > men > boots",
            "shoes.kids",
            "shoes > mens",
            "shoestring > men",
            None,
            "hats",
        ],
        "brand": ["acme", "acme", "Acme", None, "bond", "bond", "acme", "bond"],
        "price": pa.array([10.0, 20.0, 30.0, None, 5.0, 0.0, 12.5, 99.0], pa.float64()),
        "available": [True, False, True, None, True, False, None, True],
    }
)


def left(filters: Filters, table: pa.Table = CATALOGUE) -> list[str]:
    return [id_ for id_, shown in zip(table["id"].to_pylist(), filters.mask(table), strict=True) if shown]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["root", "boots", "dotted", "mens", "none", "hat"]),
        ({"in_stock": False}, ["root", "men", "boots", "dotted", "mens", "string", "none", "hat"]),
        ({"in_stock": False, "category": "shoes"}, ["root", "men", "boots", "dotted", "mens"]),
        ({"in_stock": False, "category": "shoes > men"}, ["men", "boots"]),
        ({"in_stock": False, "category": "shoes/men"}, ["men", "boots"]),
        ({"in_stock": False, "category": " shoes|men > boots "}, ["boots"]),
        ({"category": "shoes > men"}, ["boots"]),
        ({"category": "shoes > kids"}, ["dotted"]),
        ({"brand": "acme"}, ["root", "none"]),
        ({"brand": "Acme"}, ["boots"]),
        ({"in_stock": False, "min_price": 10}, ["root", "men", "boots", "none", "hat"]),
        ({"in_stock": False, "max_price": 10}, ["root", "mens", "string"]),
        ({"in_stock": False, "min_price": 10, "max_price": 12.5}, ["root", "none"]),
        ({"in_stock": False, "max_price": 0}, ["string"]),
        ({"category": "shoes", "brand": "acme", "min_price": 1}, ["root"]),
    ],
)
def test_filters_leave_what_they_say(asked: dict[str, Any], expected: list[str]) -> None:
    assert left(Filters(**asked)) == expected


@pytest.mark.parametrize("category", ["men", "boots", "shoe", "hats > winter"])
def test_a_part_of_a_path_or_of_a_word_is_no_category(category: str) -> None:
    with pytest.raises(InputError, match="no item of 8 may be shown under"):
        Filters(in_stock=False, category=category).mask(CATALOGUE)


def test_a_category_below_the_fourth_level_has_no_siblings_in_it() -> None:
    table = pa.table({"id": ["this", "sibling", "above"], "category": ["a > b > c > d > e", "a > b > c > d > f", "a"]})
    assert left(Filters(category="a > b > c > d > e"), table) == ["this"]


def test_without_a_word_about_stock_everything_is_available() -> None:
    assert left(Filters(), CATALOGUE.drop_columns("available")) == CATALOGUE["id"].to_pylist()


def test_nothing_left_is_one_line_that_names_the_filters() -> None:
    with pytest.raises(InputError, match=r"no item of 8 .*'brand': 'bond', 'min_price': 1000.* loosen") as raised:
        Filters(brand="bond", min_price=1000).mask(CATALOGUE)
    assert "\n" not in str(raised.value)


def test_a_price_of_nothing_is_named_too() -> None:
    with pytest.raises(InputError, match=r"'max_price': 0"):
        Filters(max_price=0).mask(CATALOGUE)


@pytest.mark.parametrize(
    ("column", "asked"), [("category", {"category": "a"}), ("brand", {"brand": "a"}), ("price", {"max_price": 3})]
)
def test_a_catalogue_that_says_nothing_of_it_is_said(column: str, asked: dict[str, Any]) -> None:
    silent = CATALOGUE.set_column(
        CATALOGUE.column_names.index(column), column, pa.nulls(8, CATALOGUE.schema.field(column).type)
    )
    for table in (CATALOGUE.drop_columns(column), silent):
        with pytest.raises(InputError, match=f"the catalogue has no {column}; read one that has it"):
            Filters(**asked).mask(table)


class Given(Recommender):
    """Scores histories by what their first event says: the row of a table."""

    name = "given"
    title = "a table"

    def __init__(self, table: Scores) -> None:
        self.table = table

    def fit(self, train: Sequences, *, seed: int = 0) -> Self:
        del train, seed
        return self

    def scores(self, histories: Sequences) -> Scores:
        assert histories.user_idx is not None
        return self.table[histories.user_idx].copy()

    def save(self, folder: Path) -> None:
        raise NotImplementedError(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        raise NotImplementedError(folder)


def planted(rng: np.random.Generator, n: int, n_codes: int) -> tuple[Given, Sequences, npt.NDArray[np.bool_]]:
    """Make a table of scores with ties and -inf, histories, and what may be shown."""
    table = rng.integers(0, 6, (n, n_codes)).astype(np.float32)
    table[rng.random(table.shape) < 0.1] = -np.inf
    table[:, :F] = -np.inf
    lengths = rng.integers(0, 6, n)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    items = rng.integers(0, n_codes, offsets[-1]).astype(np.int32)
    return Given(table), Sequences(offsets, items, n_codes, user_idx=np.arange(n)), rng.random(n_codes) < 0.8


@given(st.integers(0, 10_000), st.integers(1, 12), st.booleans())
def test_lists_are_those_of_a_plain_sort(seed: int, k: int, exclude: bool) -> None:
    rng = np.random.default_rng(seed)
    model, histories, shown = planted(rng, 7, F + 8)
    seen = histories.where(rng.random(histories.n_events) < 0.7) if exclude else None
    found = lists(model, histories, shown, seen, k)
    assert found.items.shape == found.scores.shape == (7, k)
    for row in range(7):
        out = set() if seen is None else set(seen[row].tolist())
        codes = [
            code
            for code in range(F, histories.n_codes)
            if shown[code] and code not in out and np.isfinite(model.table[row, code])
        ]
        best = sorted(codes, key=lambda code: (-model.table[row, code], code))[:k]
        assert found.items[row].tolist() == best + [0] * (k - len(best))
        expected = [*(float(model.table[row, code]) for code in best), *[np.nan] * (k - len(best))]
        np.testing.assert_array_equal(found.scores[row], np.array(expected, np.float32))


def test_the_codes_of_no_item_are_never_shown_whatever_their_score() -> None:
    table = np.full((1, F + 2), 9, np.float32)
    table[0, F:] = -1
    histories = Sequences(np.array([0, 0]), np.zeros(0, np.int32), F + 2, user_idx=np.arange(1))
    found = lists(Given(table), histories, np.ones(F + 2, bool), None, 4)
    assert found.items.tolist() == [[F, F + 1, 0, 0]]
    assert found.scores[0, :2].tolist() == [-1, -1]
    assert np.isnan(found.scores[0, 2:]).all()


@pytest.mark.parametrize(("k", "diversity"), [(0, 0.0), (-1, 0.0), (5, -0.1), (5, 1.1)])
def test_a_length_or_diversity_out_of_range_is_refused(k: int, diversity: float) -> None:
    model, histories, shown = planted(np.random.default_rng(0), 3, F + 4)
    with pytest.raises(InputError, match=f"k={k}, diversity={diversity}; accepted: k from 1, diversity from 0 to 1"):
        lists(model, histories, shown, None, k, diversity=diversity)


def test_diverse_lists_hold_no_item_that_was_seen_or_may_not_be_shown() -> None:
    rng = np.random.default_rng(5)
    model, histories, shown = planted(rng, 40, F + 9)
    vectors = rng.normal(size=(F + 9, 4)).astype(np.float32)
    for diversity in (0.3, 0.95):
        found = lists(model, histories, shown, histories, 6, diversity=diversity, vectors=vectors)
        plain = lists(model, histories, shown, histories, 9)
        for row in range(40):
            real = found.items[row][found.items[row] > 0].tolist()
            could = plain.items[row][plain.items[row] > 0].tolist()
            assert len(real) == len(set(real)) == min(6, len(could))
            assert set(real) <= set(could)
            assert found.items[row, : len(real)].tolist() == real  # what is empty stands at the end
            assert [found.scores[row, i] for i in range(len(real))] == [model.table[row, code] for code in real]


def candidates(seed: int, rows: int, n: int, width: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    scores = -np.sort(-rng.normal(size=(rows, n)).astype(np.float32), axis=1)
    for row in range(rows):
        scores[row, n - int(rng.integers(0, n + 1)) :] = -np.inf
    vectors = rng.normal(size=(rows, n, width)).astype(np.float32)
    vectors[rng.random((rows, n)) < 0.1] = 0
    return scores, vectors


@given(st.integers(0, 10_000), st.integers(1, 7), st.integers(1, 9), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]))
def test_a_diverse_order_is_maximal_marginal_relevance(seed: int, k: int, n: int, diversity: float) -> None:
    scores, vectors = candidates(seed, 3, n, 3)
    order = diverse(scores, vectors, k, diversity)
    assert order.shape == (3, min(k, n))
    for row in range(3):
        known = [i for i in range(n) if np.isfinite(scores[row, i])]
        assert len(set(order[row].tolist())) == order.shape[1]
        low, high = (min(scores[row, known]), max(scores[row, known])) if known else (0, 0)
        shown: list[int] = []
        for place in range(order.shape[1]):
            if len(shown) == len(known):
                break  # only what cannot be shown is left
            gains = {}
            for i in known:
                if i in shown:
                    continue
                relevance = (scores[row, i] - low) / (high - low) if high > low else 0.0
                likeness = 0.0
                for j in shown:
                    norms = np.linalg.norm(vectors[row, i]) * np.linalg.norm(vectors[row, j])
                    cosine = float(vectors[row, i] @ vectors[row, j] / norms) if norms else 0.0
                    likeness = cosine if j == shown[0] else max(likeness, cosine)
                gains[i] = (1 - diversity) * relevance - diversity * likeness
            taken = int(order[row, place])
            assert taken in gains
            assert gains[taken] >= max(gains.values()) - 1e-5
            shown.append(taken)


def test_diversity_alone_orders_what_can_be_shown() -> None:
    scores = np.array([[3, 2, 1, -np.inf]], np.float32)
    vectors = np.array([[[1, 0], [1, 0], [0, 1], [0, 1]]], np.float32)
    assert diverse(scores, vectors, 3, 1.0).tolist() == [[0, 2, 1]]


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_without_diversity_the_order_is_by_score(seed: int, k: int) -> None:
    scores, vectors = candidates(seed, 4, 6, 3)
    assert (diverse(scores, vectors, k, 0.0) == np.arange(k)).all()


def test_a_diverse_list_shows_another_kind_before_more_of_the_same() -> None:
    table = np.array([[-np.inf] * F + [9, 8.9, 8.8, 7]], np.float32)
    histories = Sequences(np.array([0, 0]), np.zeros(0, np.int32), F + 4, user_idx=np.arange(1))
    vectors = np.array([[0, 0]] * F + [[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    asked = (Given(table), histories, np.ones(F + 4, bool), None, 2)
    assert lists(*asked).items.tolist() == [[F, F + 1]]
    assert lists(*asked, diversity=0.6, vectors=vectors).items.tolist() == [[F, F + 3]]


def ring(n_items: int) -> Markov:
    """What followed what: every item the next one, round a ring."""
    n_codes = F + n_items
    rows = [[F + i, F + (i + 1) % n_items] for i in range(n_items)] * 5
    return Markov(last=100, decay=0.95).fit(of(rows, n_codes))


def test_the_reason_is_the_event_that_the_item_follows() -> None:
    model = ring(40)
    history = of([[F + 2, F + 10, F + 20]], F + 40)
    found = reasons(model, history, np.array([F + 3, F + 11, F + 21, F + 30, 0], np.int32))
    assert [[reason.events for reason in why] for why in found] == [[(0,)], [(1,)], [(2,)], [], []]
    assert [why[0].weight for why in found[:3]] == pytest.approx([1, 1, 1])


def test_events_about_one_item_are_one_reason() -> None:
    model = ring(40)
    history = of([[F + 2, F + 10, F + 2, 0, F + 20]], F + 40)
    (why,) = reasons(model, history, np.array([F + 3], np.int32))
    assert [reason.events for reason in why] == [(0, 2)]
    assert why[0].weight == pytest.approx(1)


def test_two_events_that_an_item_follows_share_the_weight_by_what_they_are_worth() -> None:
    n_codes = F + 9
    model = Markov(gap_weights=(1.0,), decay=0.5).fit(of([[F, F + 4]] * 6 + [[F + 1, F + 4]] * 6, n_codes))
    (why,) = reasons(model, of([[F, F + 1]], n_codes), np.array([F + 4], np.int32))
    # Without the newer one the older becomes the newest, so only half of its loss is felt; the older is worth a third.
    assert [reason.events for reason in why] in ([(0,), (1,)], [(1,), (0,)])
    assert sum(reason.weight for reason in why) == pytest.approx(1)


def test_nothing_known_gives_no_reasons() -> None:
    assert reasons(ring(9), of([[]], F + 9), np.array([F, F + 1], np.int32)) == [[], []]
    assert reasons(ring(9), of([[F]], F + 9), np.zeros(0, np.int32)) == []


@pytest.mark.parametrize("position", [5, 6, 29])
def test_only_late_events_of_a_long_history_are_asked(position: int) -> None:
    assert LATE_EVENTS == 24
    model = ring(100)
    items = [F + 50 + i for i in range(30)]
    items[position] = F + 2
    (why,) = reasons(model, of([items], F + 100), np.array([F + 3], np.int32))
    assert [reason.events for reason in why] == ([(position,)] if position >= 30 - 24 else [])


MODELS: list[Recommender] = [
    Markov(),
    Neighbours(),
    PopularityUser(),
    Popularity(),
    Blend((Markov(), PopularityUser())),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_reasons_are_what_a_score_loses(model: Recommender) -> None:
    rng = np.random.default_rng(1)
    n_codes = F + 10
    model.fit(of([rng.integers(F, n_codes, 8).tolist() for _ in range(40)], n_codes))
    some = 0
    for _ in range(12):
        items = rng.integers(0, n_codes, int(rng.integers(1, 33))).tolist()
        asked = np.arange(F, n_codes).astype(np.int32)
        whole = model.scores(of([items], n_codes))[0]
        late = range(max(0, len(items) - 24), len(items))
        groups = [[i] for i in late if items[i] < F]
        groups += [[i for i in late if items[i] == code] for code in {items[i] for i in late} if code >= F]
        without = of([[c for i, c in enumerate(items) if i not in group] for group in groups], n_codes)
        lost = np.zeros((len(groups), n_codes), np.float32)
        lost[:, F:] = np.maximum(whole[F:] - model.scores(without)[:, F:], 0)
        for code, why in zip(asked.tolist(), reasons(model, of([items], n_codes), asked), strict=True):
            shares = {
                tuple(g): lost[i, code] / lost[:, code].sum() for i, g in enumerate(groups) if lost[:, code].sum() > 0
            }
            weights = [reason.weight for reason in why]
            assert all(0 < weight <= 1 for weight in weights)
            assert sum(weights) <= 1 + 1e-6
            assert weights == sorted(weights, reverse=True)
            assert weights == pytest.approx([s for s in sorted(shares.values())[::-1][:3] if s > LEAST_SHARE], abs=1e-4)
            assert [shares[reason.events] for reason in why] == pytest.approx(weights, abs=1e-4)
            some += len(why)
    assert (some > 0) is (model.name != "popularity")  # what is the same for everybody has no reason in anybody
