"""Linear: logistic regression of a chance, ridge regression of an amount."""

from __future__ import annotations

from typing import Any, ClassVar

from footfall.predictors._estimators import Estimator


class Linear(Estimator):
    """A weighted sum of the features (scikit-learn's ``LogisticRegression`` and ``Ridge``)."""

    name: ClassVar[str] = "linear"
    title: ClassVar[str] = "logistic or ridge regression"

    def _new(self, seed: int, rows: int) -> Any:  # noqa: ARG002 - any number will do
        from sklearn.linear_model import LogisticRegression, Ridge

        if self.kind == "binary":
            return LogisticRegression(C=0.1, max_iter=500, random_state=seed)
        return Ridge(alpha=10.0)
