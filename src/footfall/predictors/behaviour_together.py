"""One backbone tuned on several questions at once; each has a head, and this family answers its own by its own."""

from __future__ import annotations

from typing import ClassVar

from footfall.predictors.behaviour_tuned import BehaviourTuned


class BehaviourTogether(BehaviourTuned):
    """As ``behaviour_tuned``, and what else came of the same users (``Examples.also``) is learnt beside.

    The losses are weighed by how uncertain each question remains (``model.heads.LossWeights``). When to stop is said by
    the own question alone, and only its head is kept: beside ``behaviour_tuned``, it shows what sharing is worth.
    """

    name: ClassVar[str] = "behaviour_together"
    title: ClassVar[str] = "the behaviour model tuned on several questions at once"
    siblings: ClassVar[bool] = True
