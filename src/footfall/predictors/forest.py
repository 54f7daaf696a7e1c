"""Forest: the mean of many trees, each grown on a sample."""

from __future__ import annotations

from typing import Any, ClassVar

from footfall.predictors._estimators import Estimator


class Forest(Estimator):
    """A random forest (Breiman 2001), by scikit-learn."""

    name: ClassVar[str] = "forest"
    title: ClassVar[str] = "random forest"
    most_rows: ClassVar[int] = 60_000

    def _new(self, seed: int, rows: int) -> Any:  # noqa: ARG002 - any number will do
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        made = RandomForestClassifier if self.kind == "binary" else RandomForestRegressor
        return made(200, min_samples_leaf=20, max_features=0.3, max_samples=0.7, n_jobs=1, random_state=seed)
