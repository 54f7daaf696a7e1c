"""The loop: it learns, it repeats itself, it can be killed and gone on with, and it says why it cannot go on."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from footfall.errors import TrainingError
from footfall.histories.sequences import Sequences
from footfall.model.behaviour import BehaviourModel
from footfall.model.config import ModelConfig, Size
from footfall.training.loop import Run, Step, TrainingSettings
from footfall.training.packing import Tokens
from footfall.training.state import load_state
from footfall.training.warm_start import item_vectors

SIZE = Size(width=16, blocks=1, heads=2, context=10, learning_rate=1e-2, dropout=0.1)
CONFIG = ModelConfig(SIZE, n_codes=23, n_types=5, n_gaps=32)
SETTINGS = TrainingSettings(epochs=4, tokens=64, every=1, seed=3, negatives=0, half=False, averaging=0.9)


def rings(users: int = 60, seed: int = 0) -> Sequences:
    """Users who walk round a ring of twenty items: after each comes the next."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 9, users)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    starts = np.repeat(rng.integers(0, 20, users), lengths)
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    items = ((starts + place) % 20 + 3).astype(np.int32)
    kinds = (3 + place % 2).astype(np.int16)
    return Sequences(offsets, items, 23, event_type=kinds, timestamp_us=place * 60_000_000)


def make(settings: TrainingSettings = SETTINGS, folder: Path | None = None, config: ModelConfig = CONFIG) -> Run:
    torch.manual_seed(0)
    model = BehaviourModel(config, sparse=bool(settings.negatives))
    return Run(model, Tokens.of(rings(), config), settings, folder)


def hits(model: BehaviourModel) -> float:
    """Return the share of users whose next item is ranked first."""
    sequences = rings()
    tokens = Tokens.of(sequences, model.config)
    found = 0
    for row in range(len(sequences)):
        length = int(sequences.lengths[row])
        batch, _ = tokens.batch([(sequences.offsets[row : row + 1], length)])
        found += int(model.score(batch).argmax()) == (sequences[row][-1] - 3 + 1) % 20 + 3
    return found / len(sequences)


@pytest.mark.parametrize("negatives", [0, 15])
def test_a_planted_ring_is_learnt(negatives: int) -> None:
    settings = dataclasses.replace(SETTINGS, epochs=80, every=20, negatives=negatives, averaging=0.0)
    run = make(settings)
    before = hits(run.model.eval())
    looks = run.go(hits)
    assert before < 0.3
    assert hits(run.model) > 0.95
    assert looks[-1].loss < looks[0].loss / 2
    assert [look.epoch for look in looks] == list(range(1, 81))


def test_one_seed_gives_one_curve_and_another_another() -> None:
    first, second = make().go(hits), make().go(hits)
    other = make(dataclasses.replace(SETTINGS, seed=4)).go(hits)
    assert [(x.loss, x.metric) for x in first] == [(x.loss, x.metric) for x in second]
    assert [x.loss for x in first] != [x.loss for x in other]


def test_the_best_weights_are_kept_and_a_stale_run_stops() -> None:
    scores = iter([0.1, 0.9, 0.2, 0.3, 0.4, 0.5, 0.6])
    kept: list[dict[str, torch.Tensor]] = []

    def metric(model: BehaviourModel) -> float:
        kept.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(scores)

    run = make(dataclasses.replace(SETTINGS, epochs=9, patience=2))
    looks = run.go(metric)
    assert len(looks) == 4
    for name, value in run.model.state_dict().items():
        torch.testing.assert_close(value, kept[1][name], rtol=0, atol=0)


@pytest.mark.parametrize("negatives", [0, 15])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(negatives: int, tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, negatives=negatives, save_s=0.0)
    whole = make(settings)
    expected = whole.go(hits)

    class StopError(Exception):
        pass

    steps = 0

    def stop(_: Step) -> None:
        nonlocal steps
        steps += 1
        if steps == 8:  # within an epoch
            raise StopError

    with pytest.raises(StopError):
        make(settings, tmp_path / "run").go(hits, stop)
    again = make(settings, tmp_path / "run")
    assert again.steps == 7  # the last state before the stop
    found = again.go(hits)
    assert [(x.loss, x.metric) for x in found] == [(x.loss, x.metric) for x in expected]
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, whole.model.state_dict()[name], rtol=0, atol=0)


def test_a_killed_process_goes_on_with_the_same_curve(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        import dataclasses, os, pathlib, signal, torch
        torch.set_num_threads(1)
        import test_loop as t
        steps = 0
        def kill(*_):
            global steps
            steps += 1
            if steps == 6 and sys.argv[1] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        run = t.make(dataclasses.replace(t.SETTINGS, save_s=0.0), pathlib.Path(sys.argv[2]))
        print([x.loss for x in run.go(None, kill)])
    """)

    def go(how: str, folder: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", code, how, str(tmp_path / folder)]
        return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)

    whole = go("no", "whole")
    assert whole.returncode == 0, whole.stderr
    assert go("kill", "cut").returncode == -signal.SIGKILL
    assert go("no", "cut").stdout == whole.stdout


def test_a_folder_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    make(folder=tmp_path / "run").go()
    with pytest.raises(TrainingError, match="holds a run with other settings"):
        make(dataclasses.replace(SETTINGS, seed=9), tmp_path / "run")


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_batch(tmp_path: Path) -> None:
    run = make(dataclasses.replace(SETTINGS, save_s=0.0), tmp_path / "run")

    def spoil(_: Step) -> None:
        if run.steps == 5:
            with torch.no_grad():
                run.model.items.own.weight.fill_(torch.nan)

    with pytest.raises(TrainingError, match=r"the loss is nan in step 2 of epoch 1 \(seed 3\); the last good state"):
        run.go(None, spoil)
    kept = load_state(tmp_path / "run")
    assert kept is not None
    assert all(torch.isfinite(value).all() for value in kept[0].values())


def test_nothing_to_learn_from_is_said() -> None:
    alone = Sequences(np.array([0, 1]), np.array([3], np.int32), 23)
    with pytest.raises(TrainingError, match="no history has two events"):
        Run(BehaviourModel(CONFIG), Tokens.of(alone, CONFIG), SETTINGS)


def test_a_warm_start_puts_neighbours_beside_each_other() -> None:
    vectors = item_vectors(rings(400), 16)
    assert vectors.shape == (23, 16)
    assert not vectors[:3].any()
    near = [float(vectors[3 + i] @ vectors[3 + (i + 1) % 20]) for i in range(20)]
    far = [float(vectors[3 + i] @ vectors[3 + (i + 10) % 20]) for i in range(20)]
    assert min(near) > max(far)
    np.testing.assert_array_equal(vectors, item_vectors(rings(400), 16))


@pytest.mark.parametrize("n_items", [12, 1500])
def test_a_warm_start_repeats_itself(n_items: int) -> None:
    rng = np.random.default_rng(1)
    # Half of the codes are of items that never were seen.
    items = rng.integers(3, n_items + 3, 4000).astype(np.int32)
    sequences = Sequences(np.arange(0, 4001, 4), items, 2 * n_items + 3)
    first = item_vectors(sequences, 64, seed=7)
    assert np.isfinite(first).all()
    for _ in range(4):
        np.testing.assert_array_equal(item_vectors(sequences, 64, seed=7), first)


def test_recency_leaves_old_windows_out() -> None:
    whole, newer = make(), make(dataclasses.replace(SETTINGS, recency=0.3))
    whole.go()
    newer.go()
    assert 0.1 < newer.events / whole.events < 0.6
    assert newer.epoch == SETTINGS.epochs


def test_mirrored_training_learns_both_ways() -> None:
    settings = dataclasses.replace(SETTINGS, epochs=60, every=60, mirrored=True, averaging=0.0)
    run = make(settings, config=dataclasses.replace(CONFIG, n_types=0, n_gaps=0))
    run.go()
    batch, _ = Tokens.of(rings(), run.model.config).batch([(np.zeros(1, np.int64), 1)])
    item = int(batch.item[0])
    both = {(item - 3 + way) % 20 + 3 for way in (-1, 1)}
    assert set(run.model.score(batch)[0].topk(2).indices.tolist()) == both
