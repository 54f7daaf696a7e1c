"""Heads of questions about a user: from h(user, cutoff) and features to one number a question."""

from __future__ import annotations

from collections.abc import Collection

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import nn


class AnswerHead(nn.Module):
    """One number of a state and its features: a weighted sum of them, and a gated layer beside it.

    The sum remembers, the layer generalises (Cheng et al. 2016, arXiv:1606.07792); the layer is a SwiGLU (Shazeer 2020,
    arXiv:2002.05202). At first every answer is the same: ``start``.
    """

    def __init__(self, width: int, n_features: int, *, hidden: int = 32, dropout: float = 0.2) -> None:
        """Make it.

        Args:
            width: Numbers of a state.
            n_features: Numbers of the features of an example.
            hidden: Numbers of the gated layer.
            dropout: Share of inputs dropped while training.
        """
        super().__init__()
        n_inputs = width + n_features
        self.drop = nn.Dropout(dropout)
        self.plain = nn.Linear(n_inputs, 1)
        self.wide = nn.Linear(n_inputs, 2 * hidden)
        self.narrow = nn.Linear(hidden, 1, bias=False)
        for layer in (self.plain, self.narrow):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.plain.bias)

    def start(self, value: float) -> None:
        """Let every answer begin at a number.

        Args:
            value: The log-odds of the share, or the logarithm of the mean.
        """
        with torch.no_grad():
            self.plain.bias.fill_(value)

    def forward(self, states: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Return the answers: log-odds of a chance, the logarithm of an amount, float [examples].

        Args:
            states: h(user, cutoff), float [examples, width].
            features: Of one scale and without gaps, float [examples, features].
        """
        whole = self.drop(torch.cat((states, features), 1))
        left, right = self.wide(whole).chunk(2, -1)
        answers: torch.Tensor = (self.plain(whole) + self.narrow(left * F.silu(right))).squeeze(1)
        return answers


class LossWeights(nn.Module):
    """Weights of the losses of several questions, learnt with them: by how uncertain each remains.

    A loss counts for exp(-s) of itself and s / 2 is added, s being learnt for each (Kendall, Gal and Cipolla 2018,
    arXiv:1705.07115, equation 10, with s the logarithm of the variance).
    """

    MOST = 3.0
    """Beyond it s is cut: a question that is easy must not drown the others."""

    def __init__(self, names: Collection[str]) -> None:
        """Begin with weights of one.

        Args:
            names: Of the questions.
        """
        super().__init__()
        self.logs = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in names})

    def forward(self, losses: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the weighted sum of losses, a scalar.

        Args:
            losses: A scalar each, by question.
        """
        total = torch.zeros(())
        for name, loss in losses.items():
            log = self.logs[name].clamp(-self.MOST, self.MOST)
            total = total.to(loss.device) + torch.exp(-log) * loss + log / 2
        return total
