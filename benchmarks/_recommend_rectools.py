"""RecTools (MTS), asked: SASRec, and eSASRec (the same with LiGR layers and a sampled softmax).

Source of the settings on Beauty and Toys: the files ``configs/paper/loo/s3_*.yaml`` that the authors of "eSASRec:
Enhancing Transformer-based Recommendations in a Modular Fashion" (RecSys 2025) published for these two data sets, with
their 200 epochs as the most. The negatives are drawn uniformly, so the correction by log Q is a constant and drops out.
SASRec has the library's default loss, the softmax over all items. Elsewhere: the same with the library's default size.

256 negatives of their own for every position take some five CPU seconds a batch of 128 users without an accelerator.
So ``rectools_esasrec_light`` is eSASRec too, half as wide and with an eighth of the negatives: on one core it sees the
data many times where the paper's settings see them once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytorch_lightning  # type: ignore[import-not-found]
import torch
from rectools import Columns  # type: ignore[import-not-found]
from rectools.dataset import Dataset  # type: ignore[import-not-found]
from rectools.models import SASRecModel  # type: ignore[import-not-found]
from rectools.models.nn.transformers.lightning import TransformerLightningModule  # type: ignore[import-not-found]
from rectools.models.nn.transformers.ligr import LiGRLayers  # type: ignore[import-not-found]

import _recommend_peer as peer

PAPER: Final[dict[str, Any]] = {
    "n_factors": 256,
    "session_max_len": 50,
    "n_blocks": 1,
    "n_heads": 1,
    "dropout_rate": 0.2,
    "loss": "sampled_softmax",
    "n_negatives": 256,
    "lr": 1e-3,
    "batch_size": 128,
}
DEFAULT: Final[dict[str, Any]] = PAPER | {"n_blocks": 2, "n_heads": 4}
TOOLS: Final[dict[str, dict[str, Any]]] = {
    "rectools_sasrec": {"loss": "softmax"},
    "rectools_esasrec": {"use_key_padding_mask": True},
    "rectools_esasrec_light": {"use_key_padding_mask": True, "n_factors": 128, "n_negatives": 32},
}
FF_MULTIPLIER: Final = {"beauty": 4, "toys": 1}
MOST_EPOCHS: Final = 200

WATCHING: list[peer.Chooser] = []
"""The chooser of this process: the library makes modules and copies trainers itself, so there is no other way in."""


class Watched(TransformerLightningModule):  # type: ignore[misc]
    """The library's module, which tells the chooser of every epoch and stops in time."""

    def on_train_batch_end(self, *_: Any) -> None:
        """Stop within an epoch where the budget ends."""
        WATCHING[0].batches += 1
        if WATCHING[0].over_budget():
            self.trainer.should_stop = True

    def on_train_epoch_end(self) -> None:
        """Look at the validation cases."""
        share = WATCHING[0].batches / self.trainer.num_training_batches
        if WATCHING[0].look(self.torch_model, lambda part: vectors(self, part), share):
            self.trainer.should_stop = True


def trainer() -> pytorch_lightning.Trainer:
    """Make a trainer that says nothing and keeps nothing on disk."""
    return pytorch_lightning.Trainer(
        max_epochs=MOST_EPOCHS,
        min_epochs=0,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def vectors(module: Any, part: peer.Part) -> peer.Vectors:
    """Return the vectors of cases and items under the weights of now.

    Args:
        module: The lightning module.
        part: The cases.
    """
    model, preparator = module.torch_model, module.data_preparator
    codes = np.asarray(preparator.get_known_item_ids(), np.int64)
    place = np.zeros(part.n_codes, np.int64)
    place[codes] = preparator.get_known_items_sorted_internal_ids()
    x = part.newest(preparator.session_max_len, place)
    with torch.no_grad():
        items = model.item_model.get_all_embeddings()
        states = [
            model.encode_sessions({"x": torch.from_numpy(x[i : i + 256])}, items)[:, -1, :].numpy()
            for i in range(0, len(x), 256)
        ]
    found = np.full((part.n_codes, items.shape[1]), np.nan, np.float32)
    found[codes] = items.numpy()[place[codes]]
    return np.concatenate(states), found


def dataset(part: peer.Part) -> Any:
    """Make the library's data set of sequences; only the order within each is told by its times."""
    frame = pd.DataFrame({Columns.User: part.rows, Columns.Item: part.item, Columns.Weight: 1.0})
    frame[Columns.Datetime] = pd.Timestamp(2020, 1, 1) + pd.to_timedelta(np.arange(len(frame)), "s")
    return Dataset.construct(frame)


def main(arguments: list[str]) -> None:
    """Do one run."""
    tool, seed, folder, out, options = peer.begin(arguments)
    pytorch_lightning.seed_everything(seed, verbose=False)
    train, test = peer.Part(folder / "peer_train.npz"), peer.Part(folder / "test.npz")
    name = options["data"]
    settings = dict(PAPER if name in FF_MULTIPLIER else DEFAULT) | TOOLS[tool]
    more: dict[str, Any] = {}
    if tool != "rectools_sasrec":
        multiplier = FF_MULTIPLIER.get(name, 4)
        more = {
            "transformer_layers_type": LiGRLayers,
            "transformer_layers_kwargs": {"ff_factors_multiplier": multiplier},
        }
    learnt_from = dataset(train)
    start = peer.now()
    WATCHING.append(peer.Chooser(folder, {"patience": 10, "epochs": MOST_EPOCHS} | options))
    model = SASRecModel(
        **settings, **more, lightning_module_type=Watched, get_trainer_func=trainer, recommend_torch_device="cpu"
    )
    model.fit(learnt_from)
    model.torch_model.load_state_dict(WATCHING[0].best[2])
    model.torch_model.eval()
    answered = vectors(model.lightning_model, test)
    asked = dataset(test)

    def recommend() -> Any:
        users = np.flatnonzero(np.isin(np.arange(len(test)), asked.user_id_map.external_ids))
        return model.recommend(
            users=users, dataset=asked, k=10, filter_viewed=test.exclude_seen, on_unsupported_targets="ignore"
        )

    listed, score_cpu_s = peer.spent(recommend)
    said = {key: str(value) if isinstance(value, type) else value for key, value in (settings | more).items()}
    peer.answer(
        out,
        WATCHING[0],
        answered,
        score_cpu_s=score_cpu_s,
        train=train,
        settings=said | {"item_vectors": "ids only", "most_epochs": MOST_EPOCHS, "every": 1, "patience": 10},
        packages=("rectools", "torch", "pytorch-lightning", "numpy"),
        parameters=sum(p.numel() for p in model.torch_model.parameters()),
        start=start,
        more={"own_hit_rate_10": hit_rate(listed, test)},
    )


def hit_rate(listed: Any, test: peer.Part) -> float:
    """Return the share of cases whose first target is in the list that the library itself gave: a check on ours."""
    first = test.targets[test.target_offsets[:-1]]
    hits = listed[Columns.Item].to_numpy() == first[listed[Columns.User].to_numpy()]
    return float(hits.sum() / len(test))


if __name__ == "__main__":
    os.environ["PYTORCH_LIGHTNING_SUPPRESS"] = "1"
    sys.path.insert(0, str(Path(__file__).parent))
    main(sys.argv[1:])
