"""What is learnt: which item comes next, which type of event, and when. Each loss is a mean over real targets only."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it

from footfall.histories.columns import FIRST_CODE
from footfall.model.batch import Batch
from footfall.model.behaviour import NEXT, BehaviourModel

CHUNK = 256
"""Targets whose scores over all items are held at once."""


def full_softmax(queries: torch.Tensor, keys: torch.Tensor, targets: torch.Tensor, *, half: bool) -> torch.Tensor:
    """Return the cross-entropy over all items, a scalar.

    The gradient is formed while the loss is, chunk by chunk, so that no more than ``CHUNK`` rows of scores ever exist
    (the idea of Cut Your Losses and of Liger's fused loss; the products may be in bfloat16, the softmax is not).

    Args:
        queries: float [targets, width].
        keys: float [items, width].
        targets: Place of the right item in ``keys``, int64 [targets].
        half: Whether products are taken in bfloat16.
    """
    loss: torch.Tensor = _FullSoftmax.apply(queries, keys, targets, half)  # type: ignore[no-untyped-call]
    return loss


class _FullSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: torch.Tensor, keys: torch.Tensor, targets: torch.Tensor, half: bool) -> torch.Tensor:
        kind = torch.bfloat16 if half else torch.float32
        left, right = queries.detach().to(kind), keys.detach().to(kind)
        to_queries, to_keys = torch.empty_like(queries), torch.zeros_like(keys)
        total = torch.zeros((), dtype=torch.float64, device=queries.device)
        for start in range(0, len(queries), CHUNK):
            here = slice(start, start + CHUNK)
            shares = torch.softmax((left[here] @ right.T).float(), 1)
            row = torch.arange(len(shares), device=shares.device)
            right_share = shares[row, targets[here]]
            total -= right_share.clamp_min(1e-30).log().sum()
            shares[row, targets[here]] = right_share - 1
            pull = shares.to(kind)
            to_queries[here] = (pull @ right).float()
            to_keys += (pull.T @ left[here]).float()
        ctx.save_for_backward(to_queries / len(queries), to_keys / len(queries))
        return (total / len(queries)).to(queries.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        to_queries, to_keys = ctx.saved_tensors
        return grad * to_queries, grad * to_keys, None, None


def sampled_softmax(
    model: BehaviourModel, queries: torch.Tensor, targets: torch.Tensor, negatives: int, *, smoothing: float = 0.0
) -> torch.Tensor:
    """Return the cross-entropy over the right item and items drawn evenly, the same for all targets; a scalar.

    The scores of those drawn are raised by log(items / drawn), the log-Q correction for an even draw (Bengio and
    Senecal 2008), so that the loss aims at what the full softmax aims at. A right item among those drawn is left out.

    Args:
        model: Gives the keys.
        queries: float [targets, width].
        targets: Item codes, int64 [targets].
        negatives: Number drawn.
        smoothing: Share of the label that is spread over those drawn.
    """
    n_items = model.config.n_codes - FIRST_CODE
    drawn = torch.randint(FIRST_CODE, model.config.n_codes, (negatives,), device=queries.device)
    right = (queries * model.keys(targets)).sum(-1, keepdim=True)
    wrong = queries @ model.keys(drawn).T + math.log(n_items / negatives)
    wrong = wrong.masked_fill(drawn[None] == targets[:, None], float("-inf") if smoothing == 0 else -1e4)
    return F.cross_entropy(torch.cat((right, wrong), 1), torch.zeros_like(targets), label_smoothing=smoothing)


def with_repeats(
    model: BehaviourModel,
    states: torch.Tensor,
    batch: Batch,
    targets: torch.Tensor,
    *,
    negatives: int,
    smoothing: float,
    head: str | None = None,
) -> torch.Tensor:
    """Return the loss of foretelling items that may have been met before, a scalar.

    As ``sampled_softmax``, and every item of the past is a candidate too, with what the past adds to it
    (``model.repeats``): an item drawn evenly is next to never one that was met.

    Args:
        model: Gives queries, keys and what the past adds.
        states: After every event, float [tokens, width].
        batch: The events.
        targets: Item codes, int64 [tokens]; 0 where nothing is foretold.
        negatives: Number drawn.
        smoothing: Share of the label that is spread over the other candidates.
        head: The question, of those the model has heads for; which item comes next without it.
    """
    queries = model.queries(states, head)
    drawn = torch.randint(FIRST_CODE, model.config.n_codes, (negatives,), device=queries.device)
    keys = model.keys(drawn)
    correction = math.log((model.config.n_codes - FIRST_CODE) / negatives)
    out = float("-inf") if smoothing == 0 else -1e4
    losses, base, count = [], 0, 0
    for past in model.repeats[head or NEXT](states, batch):
        rows, length = past.item.shape
        here = slice(base, base + rows * length)
        base += rows * length
        target = targets[here].view(rows, length)
        real = target >= FIRST_CODE
        if not bool(real.any()):
            continue
        query = queries[here].view(rows, length, -1)
        is_target = past.item[:, None, :] == target[:, :, None]
        rise = (past.rise * (past.counts & is_target)).sum(2)
        right = (query * model.keys(target)).sum(-1) + rise
        met = query @ model.keys(past.item).transpose(1, 2) + past.rise
        met = met.masked_fill(~past.counts | is_target, out)
        wrong = query @ keys.T + correction
        wrong = wrong.masked_fill(drawn == target[..., None], out)
        logits = torch.cat((right[..., None], met, wrong), 2)[real]
        losses.append(
            F.cross_entropy(logits, torch.zeros_like(target[real]), label_smoothing=smoothing, reduction="sum")
        )
        count += len(logits)
    return torch.stack(losses).sum() / max(count, 1) if losses else states.sum() * 0.0


def next_item(
    model: BehaviourModel,
    states: torch.Tensor,
    targets: torch.Tensor,
    *,
    negatives: int,
    half: bool,
    smoothing: float,
    head: str | None = None,
) -> torch.Tensor:
    """Return the loss of foretelling the next item, a scalar.

    Args:
        model: Gives queries and keys.
        states: States before each target, float [targets, width].
        targets: Item codes, int64 [targets].
        negatives: Items drawn per batch; 0 for the softmax over all.
        half: Whether products over all items are taken in bfloat16.
        smoothing: Label smoothing; only where items are drawn.
        head: The question, of those the model has heads for; which item comes next without it.
    """
    queries = model.queries(states, head)
    if negatives:
        return sampled_softmax(model, queries, targets, negatives, smoothing=smoothing)
    return full_softmax(queries, model.keys()[FIRST_CODE:], targets - FIRST_CODE, half=half)
