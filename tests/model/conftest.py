"""Small models and batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from footfall.model.batch import Batch
from footfall.model.config import ModelConfig, Size

TINY = Size(width=16, blocks=2, heads=2, context=12, learning_rate=1e-2, dropout=0.0)


@pytest.fixture
def config() -> ModelConfig:
    """A model of everything: types, features, times."""
    return ModelConfig(TINY, n_codes=30, n_types=6, features={"gap": 5}, time_aware=True, n_gaps=5)


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """Make a batch of rows of given lengths, rows of a length together."""

    def make(lengths: list[int], seed: int = 0) -> Batch:
        rng = np.random.default_rng(seed)
        groups = tuple((lengths.count(length), length) for length in sorted(set(lengths)))
        n = sum(lengths)
        times = [np.sort(rng.integers(0, 10**6, length)) for rows, length in groups for _ in range(rows)]
        return Batch(
            groups=groups,
            item=torch.from_numpy(rng.integers(0, 30, n)),
            event_type=torch.from_numpy(rng.integers(0, 6, n)),
            features={"gap": torch.from_numpy(rng.integers(0, 5, n))},
            time_s=torch.from_numpy(np.concatenate(times).astype(np.float32)),
        )

    return make
