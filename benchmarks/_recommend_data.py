"""Data sets of ``recommend.py``: what may be learnt, what is asked, and where both are kept for every tool to read.

``python _recommend_data.py NAME FOLDER CUT`` prepares one in a process of its own. A prepared folder holds plain NumPy
arrays: ``train``, ``early``, ``validation`` and ``test``. Tools in other environments read them without Footfall; they
choose their epoch on ``peer_validation``, which lies outside of ``peer_train`` on every data set.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow.parquet

from _measure import HERE, BenchmarkError
from footfall.evaluation.cases import Cases
from footfall.evaluation.splits import leave_one_out, leave_one_out_train, prefixes
from footfall.histories.columns import FIRST_CODE, UNSEEN
from footfall.histories.sequences import Sequences

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

AMAZON: Final = {"beauty": "Beauty", "toys": "Toys_and_Games"}
HELD_OUT: Final = 4000
"""Training sessions whose last item validates."""
_COLUMNS: Final = ("item", "event_type", "timestamp_us", "order", "user_idx")


@dataclasses.dataclass(frozen=True)
class Data:
    """One data set.

    Attributes:
        name: Its name.
        train: What may be learnt from, for the test.
        validation: Cases that settings and epochs are chosen on.
        test: Cases that are reported.
        early: What ``validation`` may be answered from; None where that is ``train`` itself.
        groups: The user (or session) of each test case, those that are missed after them; int64 [cases + missed].
        missed: Test cases whose target nobody could name, since training lacks it: all of them count as misses.
        attributes: Codes of what each item is described by, int32 [n_codes, most], 0 for none; None where unknown.
        type_names: Event type to its code, where there are types.
        users: The shop's id of the user of each test case; empty where nobody needs it.
        facts: Counts, for the record.
    """

    name: str
    train: Sequences
    validation: Cases
    test: Cases
    early: Sequences | None = None
    groups: Int64 = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    missed: int = 0
    attributes: Int32 | None = None
    type_names: dict[str, int] = dataclasses.field(default_factory=dict)
    users: tuple[str, ...] = ()
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


def with_content(sequences: Sequences, attributes: Int32 | None) -> Sequences:
    """Attach what items are described by. The one place where content reaches a model of ours.

    Args:
        sequences: Of any data set.
        attributes: As in ``Data``.
    """
    if attributes is None or "content" not in {field.name for field in dataclasses.fields(sequences)}:
        return sequences
    import importlib

    content: Any = importlib.import_module("footfall.histories.content")
    names = tuple(str(code) for code in range(1, int(attributes.max(initial=0)) + 1))
    described: dict[str, Any] = {"content": content.Content({"attributes": content.Field(names, attributes)})}
    return dataclasses.replace(sequences, **described)


def home() -> Path:
    """Return the folder of real data.

    Raises:
        BenchmarkError: There is none.
    """
    folder = Path(os.environ.get("FOOTFALL_DATA", HERE.parent.parent / "shared" / "data"))
    if not folder.is_dir():
        raise BenchmarkError("no real data; set FOOTFALL_DATA to the folder that holds amazon/, sessions/, dunnhumby/")
    return folder


def amazon(name: str, cut: int | None) -> Data:
    """Load Beauty or Toys: the last item of each user is the test, the one before it the validation.

    Args:
        name: ``beauty`` or ``toys``.
        cut: Keep the first users only.
    """
    path = home() / "amazon" / f"{AMAZON[name]}_items_and_gaps.txt"
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines()][:cut]
    items = [np.array(left.split()[1:], np.int64) for left, _ in lines]
    gaps_s = np.concatenate([np.array(right.split(), np.int64) for _, right in lines])
    offsets = _offsets([len(found) for found in items])
    # Only the time between events is known; every history begins at one moment.
    total = np.cumsum(gaps_s)
    times = total - np.repeat(total[offsets[:-1]], np.diff(offsets))
    item = np.concatenate(items)
    attributes = _attributes(path.parent / f"{AMAZON[name]}_item2attributes.json", int(item.max()))
    whole = Sequences(
        offsets,
        (item - 1 + FIRST_CODE).astype(np.int32),
        n_codes=len(attributes),
        timestamp_us=1_300_000_000_000_000 + times * 1_000_000,
        user_idx=np.arange(len(items)),
    )
    test = leave_one_out(whole)
    facts = {"users": len(items), "items": len(np.unique(item)), "interactions": len(item)}
    return Data(
        name,
        leave_one_out_train(whole),
        leave_one_out(whole, back=2),
        test,
        groups=np.arange(len(test)),
        attributes=attributes,
        facts=facts,
    )


def _attributes(path: Path, n_items: int) -> Int32:
    """Read items' attribute numbers (category, brand), which begin at 1."""
    found = {int(item): codes for item, codes in json.loads(path.read_text("utf-8")).items()}
    n_items = max(n_items, *found)
    matrix = np.zeros((n_items + FIRST_CODE, max(map(len, found.values()))), np.int32)
    for item, codes in found.items():
        matrix[item - 1 + FIRST_CODE, : len(codes)] = codes
    return matrix


def sessions(name: str, cut: int | None) -> Data:
    """Load Diginetica or YooChoose 1/64: the next item of anonymous sessions, repeats allowed.

    The vocabulary is what training sessions have. A test case whose target it lacks is a miss for everybody.

    Args:
        name: ``diginetica`` or ``yoochoose``.
        cut: Keep the first training sessions and the first test cases only.
    """
    folder = home() / "sessions" / name
    table = pyarrow.parquet.read_table(folder / "train.parquet")
    session, item = (table[column].to_numpy().astype(np.int64) for column in ("session_id", "item_id"))
    starts = np.flatnonzero(np.diff(session, prepend=-1))
    if cut is not None and cut < len(starts):
        starts, item = starts[:cut], item[: starts[cut]]
    vocabulary = np.unique(item)
    whole = Sequences(
        np.append(starts, len(item)),
        (np.searchsorted(vocabulary, item) + FIRST_CODE).astype(np.int32),
        n_codes=len(vocabulary) + FIRST_CODE,
    )
    given = pyarrow.parquet.read_table(folder / "test.parquet")
    cases = [given[column].to_pylist()[: None if cut is None else cut // 2] for column in ("prefix", "target")]
    groups = sessions_of(*cases)
    prefix = _coded(vocabulary, np.concatenate(cases[0]))
    target = _coded(vocabulary, np.array(cases[1]))
    histories = Sequences(_offsets([len(found) for found in cases[0]]), prefix, whole.n_codes)
    known = target >= FIRST_CODE
    train, validation = held_out(whole)
    facts = {
        "sessions": len(whole),
        "items": len(vocabulary),
        "interactions": whole.n_events,
        "test_cases": len(target),
        "test_cases_missed": int((~known).sum()),
    }
    rows = np.flatnonzero(known)
    return Data(
        name,
        train,
        validation,
        prefixes(histories.take(rows), target[rows]),
        groups=np.concatenate((groups[rows], groups[~known])),
        missed=int((~known).sum()),
        facts=facts,
    )


def held_out(whole: Sequences) -> tuple[Sequences, Cases]:
    """Hold the last item of some sequences out, a tenth of them at the most; return the rest, and cases.

    Args:
        whole: Events about items.
    """
    fits = np.flatnonzero(whole.lengths >= 3)
    rows = np.sort(np.random.default_rng(0).permutation(fits)[: min(HELD_OUT, max(1, len(fits) // 10))])
    ends = whole.offsets[1:].copy()
    ends[rows] -= 1
    cases = prefixes(whole.between(whole.offsets[:-1][rows], ends[rows], rows), whole.item[ends[rows]])
    return whole.between(whole.offsets[:-1], ends), cases


def sessions_of(prefix: list[list[int]], target: list[int]) -> Int64:
    """Number the sessions of cases: the prefixes of one session stand together, the longest first.

    Args:
        prefix: Items of each case.
        target: What followed.
    """
    new = [True, *(prefix[i - 1] != [*prefix[i], target[i]] for i in range(1, len(prefix)))]
    return np.cumsum(new) - 1


def _coded(vocabulary: Int64, item: npt.NDArray[Any]) -> Int32:
    place = np.minimum(np.searchsorted(vocabulary, item), len(vocabulary) - 1)
    return np.where(vocabulary[place] == item, place + FIRST_CODE, UNSEEN).astype(np.int32)


def _offsets(lengths: list[int]) -> Int64:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))


def save(data: Data, folder: Path) -> None:
    """Write a data set as plain arrays.

    Args:
        data: What to write.
        folder: An existing, empty folder; ``done`` is written last.
    """
    _write(folder / "train.npz", _arrays(data.train))
    if data.early is not None:
        _write(folder / "early.npz", _arrays(data.early))
    peers = (data.train, data.validation) if data.early is None else held_out(data.train.with_items())
    _write(folder / "peer_train.npz", _arrays(peers[0]))
    for name, cases in (("validation", data.validation), ("peer_validation", peers[1]), ("test", data.test)):
        asked = {
            "target_offsets": cases.target_offsets,
            "targets": cases.targets,
            "exclude_seen": np.array(cases.exclude_seen),
        }
        _write(folder / f"{name}.npz", {**asked, **_arrays(cases.histories)})
    attributes = np.zeros(0) if data.attributes is None else data.attributes
    _write(folder / "more.npz", {"groups": data.groups, "attributes": attributes})
    about = {key: getattr(data, key) for key in ("name", "missed", "type_names", "users", "facts")}
    (folder / "done").write_text(json.dumps(about), "utf-8")


def load(folder: Path) -> Data:
    """Read what ``save`` wrote.

    Args:
        folder: Where.
    """
    about = json.loads((folder / "done").read_text("utf-8"))
    with np.load(folder / "more.npz") as more:
        groups, attributes = more["groups"], more["attributes"]
    early = folder / "early.npz"
    return Data(
        train=_sequences(folder / "train.npz"),
        validation=_cases(folder / "validation.npz"),
        test=_cases(folder / "test.npz"),
        early=_sequences(early) if early.exists() else None,
        groups=groups,
        attributes=attributes if attributes.size else None,
        users=tuple(about.pop("users")),
        **about,
    )


def _write(path: Path, arrays: Mapping[str, Any]) -> None:
    np.savez(path, **arrays)


def _arrays(sequences: Sequences) -> dict[str, npt.NDArray[Any]]:
    columns = {name: getattr(sequences, name) for name in _COLUMNS}
    kept = {name: column for name, column in columns.items() if column is not None}
    return {"offsets": sequences.offsets, "n_codes": np.array(sequences.n_codes), **kept}


def _sequences(path: Path) -> Sequences:
    with np.load(path) as found:
        columns = {name: found[name] for name in _COLUMNS if name in found}
        return Sequences(offsets=found["offsets"], n_codes=int(found["n_codes"]), **columns)


def _cases(path: Path) -> Cases:
    with np.load(path) as found:
        return Cases(_sequences(path), found["target_offsets"], found["targets"], bool(found["exclude_seen"]))


def makers() -> dict[str, Callable[[str, int | None, Path], Data]]:
    """Return how each data set is made, from its name, its cut and a folder for what is made on the way."""
    import _recommend_logs as logs

    return {
        **dict.fromkeys(AMAZON, lambda name, cut, _: amazon(name, cut)),
        **dict.fromkeys(("diginetica", "yoochoose"), lambda name, cut, _: sessions(name, cut)),
        "dunnhumby": lambda _, cut, folder: logs.dunnhumby(cut, folder),
        "online_retail": lambda _, cut, folder: logs.online_retail(cut, folder),
        "simulated": lambda _, cut, folder: logs.simulated(cut, folder),
    }


if __name__ == "__main__":
    wanted, into, most = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    save(makers()[wanted](wanted, most or None, into), into)
