"""Support vectors: the widest margin, with a kernel's features made of landmarks."""

from __future__ import annotations

from typing import Any, ClassVar

from footfall.predictors._estimators import Estimator


class Svm(Estimator):
    """A linear support vector machine on Nystroem's map of a radial kernel (Williams and Seeger 2001).

    The map makes the time grow with the rows, not with their square.
    """

    name: ClassVar[str] = "svm"
    title: ClassVar[str] = "support vectors on a kernel map"
    most_rows: ClassVar[int] = 20_000

    def _new(self, seed: int, rows: int) -> Any:
        from sklearn.kernel_approximation import Nystroem
        from sklearn.pipeline import make_pipeline
        from sklearn.svm import SVR, LinearSVC

        landmarks = Nystroem(gamma=0.01, n_components=min(300, rows), random_state=seed)
        if self.kind == "binary":
            return make_pipeline(landmarks, LinearSVC(C=0.1, random_state=seed))
        return make_pipeline(landmarks, SVR(kernel="linear", C=0.1))
