"""RecBole, asked: its SASRec, with its own data augmentation, loader and training step.

Source of the settings: RecBole's own ``SASRec.yaml`` (2 layers, 2 heads, width 64, dropout .5, cross-entropy over all
items) and its overall defaults (Adam, rate .001, batches of 2,048 prefixes, at most 300 epochs).
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

import _recommend_peer as peer

SETTINGS: Final[dict[str, Any]] = {
    "USER_ID_FIELD": "user",
    "ITEM_ID_FIELD": "item",
    "TIME_FIELD": "time",
    "load_col": {"inter": ["user", "item", "time"]},
    "MAX_ITEM_LIST_LENGTH": 50,
    "train_neg_sample_args": None,
    "train_batch_size": 2048,
    "learning_rate": 1e-3,
    "epochs": 300,
    "loss_type": "CE",
    "eval_args": {"split": {"RS": [1, 0, 0]}, "order": "TO", "group_by": "none", "mode": "full"},
    "gpu_id": "",
    "use_gpu": False,
    "show_progress": False,
    "state": "ERROR",
    "reproducibility": True,
}


def write(train: peer.Part, folder: Path) -> None:
    """Write the training interactions as RecBole reads them.

    Args:
        train: What may be learnt.
        folder: Where.
    """
    (folder / "data").mkdir()
    lines = [f"{user}\t{item}\t{time}" for time, (user, item) in enumerate(zip(train.rows, train.item, strict=True))]
    text = "\n".join(["user:token\titem:token\ttime:float", *lines])
    (folder / "data" / "data.inter").write_text(text + "\n", "utf-8")


def places(data: Any, n_codes: int) -> Any:
    """Return RecBole's number of each code, 0 for none, int64 [n_codes].

    Args:
        data: Its data set.
        n_codes: Size of the vocabulary.
    """
    tokens = data.field2id_token["item"]
    found = np.zeros(n_codes, np.int64)
    found[tokens[1:].astype(np.int64)] = np.arange(1, len(tokens))
    return found


def vectors(model: Any, part: peer.Part, place: Any) -> peer.Vectors:
    """Return the vectors of cases and items under the weights of now.

    Args:
        model: The network.
        part: The cases.
        place: Its number of each code.
    """
    length = SETTINGS["MAX_ITEM_LIST_LENGTH"]
    right = part.newest(length, place)
    count = (right > 0).sum(1)
    # It wants items from the left on; a history without any item that it knows is read as one padding.
    left = np.take_along_axis(right, (np.arange(length) + length - count[:, None]) % length, axis=1)
    with torch.no_grad():
        states = [
            model.forward(torch.from_numpy(left[i : i + 512]), torch.from_numpy(np.maximum(count[i : i + 512], 1)))
            for i in range(0, len(left), 512)
        ]
    items = model.item_embedding.weight.detach().numpy()
    found = np.where((place > 0)[:, None], items[place], np.float32(np.nan))
    return torch.cat(states).numpy(), found


def main(arguments: list[str]) -> None:
    """Do one run."""
    from recbole.config import Config  # type: ignore[import-not-found]
    from recbole.data import create_dataset  # type: ignore[import-not-found]
    from recbole.data.dataloader import TrainDataLoader  # type: ignore[import-not-found]
    from recbole.model.sequential_recommender import SASRec  # type: ignore[import-not-found]
    from recbole.trainer import Trainer  # type: ignore[import-not-found]
    from recbole.utils import init_seed  # type: ignore[import-not-found]

    _, seed, folder, out, options = peer.begin(arguments)
    sys.argv = sys.argv[:1]  # RecBole reads the command line too
    train, test = peer.Part(folder / "peer_train.npz"), peer.Part(folder / "test.npz")
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)  # it leaves logs where it stands
        write(train, Path(home))
        start = peer.now()
        chooser = peer.Chooser(folder, {"patience": 10, "epochs": SETTINGS["epochs"]} | options)
        paths = {"data_path": home, "checkpoint_dir": home, "seed": seed}
        config = Config(model="SASRec", dataset="data", config_dict=SETTINGS | paths)
        init_seed(seed, reproducibility=True)
        data = create_dataset(config)
        data = data.build()[0]
        loader = TrainDataLoader(config, data, None, shuffle=True)
        model = SASRec(config, data).to(config["device"])
        trainer = Trainer(config, model)
        place = places(data, train.n_codes)
        while True:
            trainer._train_epoch(loader, chooser.epoch, show_progress=False)  # noqa: SLF001 - ``fit`` cannot be told when to stop
            if chooser.look(model, lambda part: vectors(model, part, place)):
                break
    os.chdir(Path(__file__).parent)
    model.load_state_dict(chooser.best[2])
    model.eval()
    answered = vectors(model, test, place)
    _, score_cpu_s = peer.spent(lambda: first_ten(*vectors(model, test, place), test))
    peer.answer(
        out,
        chooser,
        answered,
        score_cpu_s=score_cpu_s,
        train=train,
        settings={**SETTINGS, "patience": 10},
        packages=("recbole", "torch", "numpy"),
        parameters=sum(p.numel() for p in model.parameters()),
        start=start,
        more={},
    )


def first_ten(users: Any, items: Any, test: peer.Part) -> Any:
    """Return the first ten items of every case, as RecBole's own ``full_sort_topk`` does it: scores, mask, ``topk``.

    Args:
        users: Vectors of cases.
        items: Vectors of items.
        test: The cases.
    """
    known = torch.from_numpy(np.nan_to_num(items))
    found = []
    for first in range(0, len(test), 512):
        scores = torch.from_numpy(users[first : first + 512]) @ known.T
        scores[:, np.isnan(items[:, 0])] = -torch.inf
        if test.exclude_seen:
            inside = slice(test.offsets[first], test.offsets[min(first + 512, len(test))])
            scores[test.rows[inside] - first, test.item[inside].astype(np.int64)] = -torch.inf
        found.append(torch.topk(scores, 10).indices)
    return torch.cat(found)


if __name__ == "__main__":
    main(sys.argv[1:])
