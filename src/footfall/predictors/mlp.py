"""MLP: a small network of two layers over the features."""

from __future__ import annotations

from typing import Any, ClassVar

from footfall.predictors._estimators import Estimator


class Mlp(Estimator):
    """A multilayer perceptron, by scikit-learn; a tenth of the examples stops it early."""

    name: ClassVar[str] = "mlp"
    title: ClassVar[str] = "multilayer perceptron"
    most_rows: ClassVar[int] = 60_000

    def _new(self, seed: int, rows: int) -> Any:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        made = MLPClassifier if self.kind == "binary" else MLPRegressor
        return made(
            hidden_layer_sizes=(64, 32),
            alpha=1e-3,
            batch_size=max(1, min(256, rows // 2)),
            early_stopping=True,
            max_iter=60,
            n_iter_no_change=5,
            random_state=seed,
        )
