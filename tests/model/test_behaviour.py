"""The model: what a state may depend on, what scores are, how many numbers there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content, Field
from footfall.model.batch import Batch
from footfall.model.behaviour import BehaviourModel
from footfall.model.config import SIZES, Logits, ModelConfig, size_of
from footfall.model.embedding import ItemTable

Make = Callable[..., Batch]


def changed(batch: Batch, at: int) -> Batch:
    """Return the batch with another event at one place."""
    item, kind, time = batch.item.clone(), batch.event_type, batch.time_s
    assert kind is not None
    assert time is not None
    kind, time, gap = kind.clone(), time.clone(), batch.features["gap"].clone()
    item[at], kind[at], gap[at] = (item[at] + 5) % 30, (kind[at] + 1) % 6, (gap[at] + 1) % 5
    time[at] = time[at] + 0.5
    return Batch(batch.groups, item, kind, {"gap": gap}, time)


@pytest.mark.parametrize("time_aware", [False, True])
def test_a_state_depends_on_its_event_and_those_before_it_in_its_row_only(
    time_aware: bool, config: ModelConfig, make_batch: Make
) -> None:
    torch.manual_seed(0)
    model = BehaviourModel(dataclasses.replace(config, time_aware=time_aware)).eval()
    for block in model.backbone.blocks if time_aware else []:  # type: ignore[union-attr]  # they begin at zero
        torch.nn.init.normal_(block.by_time)
    batch = make_batch([1, 3, 3, 7])
    row_of = torch.repeat_interleave(torch.arange(4), torch.tensor([1, 3, 3, 7]))
    before = model(batch)
    for at in range(len(batch.item)):
        moved = (model(changed(batch, at)) - before).abs().amax(-1) > 1e-6
        may_move = (row_of == row_of[at]) & (torch.arange(len(row_of)) >= at)
        assert moved[at]
        assert not (moved & ~may_move).any()
        assert moved[may_move].all()


def test_rows_do_not_depend_on_how_they_are_packed(config: ModelConfig, make_batch: Make) -> None:
    model = BehaviourModel(config).eval()
    batch = make_batch([2, 5, 5])
    whole = model(batch)
    alone = Batch(
        ((1, 5),),
        batch.item[7:],
        None if batch.event_type is None else batch.event_type[7:],
        {"gap": batch.features["gap"][7:]},
        None if batch.time_s is None else batch.time_s[7:],
    )
    torch.testing.assert_close(whole[7:], model(alone), rtol=1e-5, atol=1e-6)


def test_the_time_between_events_counts_and_the_date_does_not(config: ModelConfig, make_batch: Make) -> None:
    model = BehaviourModel(config).eval()
    for block in model.backbone.blocks:  # type: ignore[union-attr]
        torch.nn.init.normal_(block.by_time)
    batch = make_batch([6])
    assert batch.time_s is not None
    later = dataclasses.replace(batch, time_s=batch.time_s + 4096)
    torch.testing.assert_close(model(batch), model(later), rtol=1e-4, atol=1e-5)
    slower = dataclasses.replace(batch, time_s=batch.time_s * 50)
    assert (model(batch) - model(slower)).abs().max() > 1e-3


@pytest.mark.parametrize("logits", ["cosine", "dot"])
def test_scores_are_products_of_queries_and_keys_and_never_show_what_is_no_item(
    logits: Logits, config: ModelConfig, make_batch: Make
) -> None:
    model = BehaviourModel(dataclasses.replace(config, logits=logits)).eval()
    batch = make_batch([2, 2, 4])
    scores = model.score(batch)
    assert scores.shape == (3, 30)
    assert torch.isneginf(scores[:, :FIRST_CODE]).all()
    ends = [1, 3, 7]
    expected = model.queries(model(batch)[ends]) @ model.keys().T
    torch.testing.assert_close(scores[:, FIRST_CODE:], expected[:, FIRST_CODE:])
    if logits == "cosine":
        assert scores[:, FIRST_CODE:].abs().max() <= config.scale * 1.001


def test_an_item_without_a_history_stands_where_its_content_puts_it(config: ModelConfig) -> None:
    table = ItemTable(dataclasses.replace(config, content={"brand": 5})).eval()
    codes = np.zeros((30, 2), np.int32)
    codes[10], codes[20, 0] = (1, 2), 1
    table.describe(Content({"brand": Field(("a", "b", "c", "d"), codes)}))
    with torch.no_grad():
        table.own.weight[10] = 0
        brands = table.described["brand"].weight
        torch.testing.assert_close(table(torch.tensor([10]))[0], brands[1:3].mean(0))  # type: ignore[index]
        torch.testing.assert_close(table(torch.tensor([20]))[0], table.own.weight[20] + brands[1])  # type: ignore[index]
        torch.testing.assert_close(table(torch.tensor([5]))[0], table.own.weight[5])
        torch.testing.assert_close(table.all()[20], table(torch.tensor([20]))[0])


def test_a_grown_table_keeps_its_rows(config: ModelConfig) -> None:
    table = ItemTable(dataclasses.replace(config, content={"brand": 5})).eval()
    before = table.all().detach().clone()
    table.grow(40, {"brand": 7})
    assert table.all().shape == (40, 16)
    torch.testing.assert_close(table.all()[:30], before)
    assert not table.all()[30:].any()
    codes = np.zeros((40, 1), np.int32)
    codes[35] = 6
    table.describe(Content({"brand": Field(("a", "b", "c", "d", "e", "f"), codes)}))
    torch.testing.assert_close(table.all()[:30], before)
    assert not table.all()[35].any()  # a brand of which nothing is known yet


def test_large_has_over_a_billion_numbers_and_is_built_without_memory() -> None:
    with torch.device("meta"):
        model = BehaviourModel(ModelConfig(SIZES["large"], n_codes=100, n_types=20))
    counts = model.count_parameters()
    assert counts["backbone"] > 1_000_000_000
    assert sum(counts.values()) == sum(p.numel() for p in model.parameters())


def test_sizes_grow_and_an_unknown_one_names_the_nearest() -> None:
    counts = []
    for name in ("tiny", "small", "base", "large"):
        with torch.device("meta"):
            counts.append(BehaviourModel(ModelConfig(size_of(name), n_codes=10)).count_parameters()["backbone"])
    assert counts == sorted(counts)
    with pytest.raises(InputError, match="did you mean 'small'"):
        size_of("smal")


def test_a_configuration_comes_back_from_json(config: ModelConfig) -> None:
    assert ModelConfig.from_dict(config.to_dict()) == config
