"""Measurements of ``_recommend_speed`` that need a process of their own: ``python _recommend_speed_work.py WHAT ...``.

``log FOLDER EVENTS SEED`` makes a log; ``epoch FOLDER SEED`` trains over it once; ``one ITEMS SEED`` times lists of one
user after the other. Each prints one line of JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from _log import EVENT_TYPES, ShopLog, item_names
from _recommend_recipes import TRAINING
from _recommend_tools import watched
from _work import cpu_s, peak_mb, stay_on_one_core
from footfall.histories.columns import FIRST_CODE, UNSEEN
from footfall.histories.sequences import Sequences
from footfall.recommenders.behaviour import Behaviour

RECIPE: Final = Behaviour(size="tiny", training=TRAINING)
ASKED: Final = 2000
"""Users timed one after the other."""
UNTIMED: Final = 50
"""Users before them, who fill caches."""
K: Final = 10


def make_log(folder: Path, events: int, seed: int) -> dict[str, Any]:
    """Write a log, sorted by user and time, as plain columns.

    Args:
        folder: Where.
        events: How many.
        seed: Which.
    """
    log = ShopLog(events, seed)
    columns: dict[str, list[Any]] = {"user": [], "time": [], "kind": [], "item": []}
    for piece in log.pieces():
        columns["user"].append(piece.user.astype(np.int32))
        columns["time"].append(piece.timestamp_us)
        columns["kind"].append((piece.event_type + FIRST_CODE).astype(np.int16))
        columns["item"].append((piece.item + FIRST_CODE).astype(np.int32))
    user, when, kind, item = (np.concatenate(columns.pop(name)) for name in ("user", "time", "kind", "item"))
    order = np.lexsort((when, user))
    counts = np.bincount(user, minlength=log.n_users)
    np.save(folder / "offsets.npy", np.concatenate(([0], np.cumsum(counts[counts > 0]))))
    for name, column in (("time", when), ("kind", kind), ("item", item)):
        np.save(folder / f"{name}.npy", column[order])
    (folder / "n_codes").write_text(str(log.n_items + FIRST_CODE))
    return {"events": events}


def epoch(folder: Path, seed: int) -> dict[str, Any]:
    """Train over a log once; what the choosing of the epoch costs is no training.

    Args:
        folder: Where ``make_log`` wrote it.
        seed: For what is random.
    """
    offsets, when, kind, item = (np.load(folder / f"{name}.npy") for name in ("offsets", "time", "kind", "item"))
    log = Sequences(offsets, item, int((folder / "n_codes").read_text()), event_type=kind, timestamp_us=when)
    model = _model(epochs=1)
    start_cpu_s, start_mb = cpu_s(), peak_mb()
    with watched() as spent:
        model.fit(log, seed=seed)
    train_cpu_s = cpu_s() - start_cpu_s - spent[0]
    return {
        "cpu_ns_per_event": round(train_cpu_s / log.n_events * 1e9, 1),
        "steps_cpu_ns_per_event": round(model.looks[-1].cpu_s / log.n_events * 1e9, 1),
        "train_cpu_s": round(train_cpu_s, 2),
        "events_per_cpu_s": round(log.n_events / train_cpu_s),
        "users": len(log),
        "items": log.n_codes - FIRST_CODE,
        "start_mb": round(start_mb, 1),
        "peak_mb": round(peak_mb(), 1),
    }


def one(items: int, seed: int) -> dict[str, Any]:
    """Time lists of one user after the other: ids and moments of a history in, ids of the first ten out.

    Args:
        items: How many there are.
        seed: For what is random.
    """
    log = ShopLog(40_000, seed)
    piece = next(log.pieces())
    ids = item_names(np.arange(items)).astype(str)
    vocabulary = {name: code for code, name in enumerate(ids.tolist(), FIRST_CODE)}
    types = {name: code for code, name in enumerate(EVENT_TYPES, FIRST_CODE)}
    order = np.lexsort((piece.timestamp_us, piece.user))
    starts = np.flatnonzero(np.diff(piece.user[order], prepend=-1))
    item = (piece.item[order] * (items / log.n_items)).astype(np.int64)
    kind, when = piece.event_type[order], piece.timestamp_us[order]
    whole = Sequences(
        np.append(starts, len(order)),
        (item + FIRST_CODE).astype(np.int32),
        items + FIRST_CODE,
        event_type=(kind + FIRST_CODE).astype(np.int16),
        timestamp_us=when,
    )
    model = dataclasses.replace(_model(epochs=1), warm_start=False, held_out=0)
    model.fit(whole, seed=seed)  # what it has learnt does not matter to how long it takes
    ends = whole.offsets[1:]
    raw = [
        list(zip(ids[item[a:b]].tolist(), [EVENT_TYPES[k] for k in kind[a:b]], when[a:b].tolist(), strict=True))
        for a, b in zip(whole.offsets[:-1], ends, strict=True)
    ]
    spent_ms = []
    for number in range(UNTIMED + ASKED):
        history = raw[number % len(raw)]
        began = time.perf_counter()
        _first_ten(model, history, vocabulary, types, ids)
        spent_ms.append((time.perf_counter() - began) * 1000)
    p50, p99 = np.quantile(spent_ms[UNTIMED:], [0.5, 0.99])
    lengths = whole.lengths
    return {
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "items": items,
        "users": ASKED,
        "median_events": float(np.median(lengths)),
        "most_events": int(lengths.max()),
        "peak_mb": round(peak_mb(), 1),
    }


def _first_ten(model: Behaviour, history: Any, vocabulary: Any, types: Any, ids: Any) -> list[str]:
    """Do what a server does for one user."""
    names, kinds, moments = zip(*history, strict=True)
    one_user = Sequences(
        np.array([0, len(names)]),
        np.array([vocabulary.get(name, UNSEEN) for name in names], np.int32),
        len(vocabulary) + FIRST_CODE,
        event_type=np.array([types[kind] for kind in kinds], np.int16),
        timestamp_us=np.array(moments, np.int64),
    )
    scores = model.scores(one_user)[0]
    scores[one_user.item] = -np.inf
    best = np.argpartition(-scores, K)[:K]
    best = best[np.argsort(-scores[best])]
    return [str(name) for name in ids[best - FIRST_CODE]]


def _model(epochs: int) -> Behaviour:
    return dataclasses.replace(RECIPE, training=dataclasses.replace(RECIPE.training, epochs=epochs))


if __name__ == "__main__":
    stay_on_one_core()
    torch.set_num_threads(1)
    what, *rest = sys.argv[1:]
    if what == "log":
        print(json.dumps(make_log(Path(rest[0]), int(rest[1]), int(rest[2]))))
    elif what == "epoch":
        print(json.dumps(epoch(Path(rest[0]), int(rest[1]))))
    else:
        print(json.dumps(one(int(rest[0]), int(rest[1]))))
