"""The losses, beside what they stand for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from footfall.histories.columns import FIRST_CODE
from footfall.model.behaviour import BehaviourModel
from footfall.model.config import ModelConfig, Size
from footfall.training import objectives

SIZE = Size(width=8, blocks=1, heads=1, context=4, learning_rate=1e-2, dropout=0.0)


@pytest.mark.parametrize("n", [1, 300, 700])
def test_the_fused_softmax_is_the_plain_one_with_its_gradients(n: int) -> None:
    torch.manual_seed(n)
    queries, keys = torch.randn(n, 8, requires_grad=True), torch.randn(50, 8, requires_grad=True)
    targets = torch.randint(0, 50, (n,))
    plain = F.cross_entropy(queries @ keys.T, targets)
    expected = torch.autograd.grad(3 * plain, (queries, keys))
    fused = objectives.full_softmax(queries, keys, targets, half=False)
    found = torch.autograd.grad(3 * fused, (queries, keys))
    torch.testing.assert_close(fused, plain)
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)


def test_in_half_precision_it_is_nearly_so() -> None:
    torch.manual_seed(0)
    queries, keys = torch.randn(64, 8, requires_grad=True), torch.randn(50, 8, requires_grad=True)
    targets = torch.randint(0, 50, (64,))
    plain = F.cross_entropy(queries @ keys.T, targets)
    fused = objectives.full_softmax(queries, keys, targets, half=True)
    assert abs(float((fused - plain).detach())) < 0.02
    (exact,), (near,) = torch.autograd.grad(plain, (keys,)), torch.autograd.grad(fused, (keys,))
    assert float((exact - near).norm() / exact.norm()) < 0.02


def model_of(n_items: int) -> BehaviourModel:
    torch.manual_seed(1)
    model = BehaviourModel(ModelConfig(SIZE, n_codes=n_items + FIRST_CODE, scale=4.0))
    torch.nn.init.normal_(model.items.own.weight)
    return model


def test_drawing_evenly_and_correcting_for_it_aims_at_the_full_softmax() -> None:
    model = model_of(400)
    queries = model.queries(torch.randn(40, 8))
    targets = torch.randint(FIRST_CODE, 403, (40,))
    full = float(F.cross_entropy(queries @ model.keys()[FIRST_CODE:].T, targets - FIRST_CODE).detach())
    drawn = [float(objectives.sampled_softmax(model, queries, targets, 200).detach()) for _ in range(200)]
    assert abs(sum(drawn) / len(drawn) - full) < 0.03
    # Without the correction every draw of 200 out of 400 would lie lower by about log 2.
    assert min(drawn) > full - 0.2


def test_a_right_item_that_is_drawn_is_no_wrong_one() -> None:
    model = model_of(1)
    queries, targets = model.queries(torch.randn(5, 8)), torch.full((5,), FIRST_CODE)
    assert float(objectives.sampled_softmax(model, queries, targets, 7).detach()) == 0.0
