"""Bundles: whole or not at all, checked when opened, never pickle, and an alias that moves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.event_features import described
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.recommenders._base import Recommender
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.blend import Blend
from footfall.recommenders.markov import Markov
from footfall.recommenders.only import Only
from footfall.recommenders.popularity import Popularity
from footfall.serving.bundles import CHAMPION, open_bundle, point, versions, write_bundle
from footfall.serving.vocabularies import Vocabularies
from footfall.training.loop import TrainingSettings

TASK = "recommend"
ABOUT: dict[str, Any] = {
    "lake_version": "7-2",
    "served": "markov",
    "question": {"exclude_seen": True, "types": ["view_item"]},
    "families": [{"recommender": "markov", "NDCG@10": 0.25, "served": True}],
}


@pytest.fixture(scope="module")
def histories() -> Histories:
    return from_events(
        [
            {"user_id": f"u{i % 8}", "event_type": kind, "item_id": f"i{i * 3 % 11}", "timestamp": i * 10**9}
            for i in range(64)
            for kind in ("view_item", "purchase")
        ]
    )


def put(models: Path, histories: Histories, model: Recommender | None = None, **about: Any) -> Path:
    log = described(histories)
    fitted = (model or Markov()).fit(log)
    return write_bundle(models, TASK, fitted, Vocabularies.of(histories, log.content), ABOUT | about)


MODELS: list[Any] = [
    Markov(),
    Only(Popularity(), (4,)),
    Blend((Markov(), Only(Markov(), (3,))), (0.3, 0.7)),
    Behaviour(training=TrainingSettings(epochs=1)),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_what_is_opened_scores_as_what_was_written(model: Any, histories: Histories, tmp_path: Path) -> None:
    path = put(tmp_path, histories, model)
    found = open_bundle(tmp_path, TASK)
    assert found.path == path
    assert found.version == path.name
    log = described(histories)
    np.testing.assert_array_equal(found.model.scores(log), model.scores(log))
    assert found.vocabularies.ids["item"] == histories.vocabularies["item"].ids
    assert {name: found.about[name] for name in ABOUT} == ABOUT
    assert (found.about["task"], found.about["version"]) == (TASK, path.name)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_nothing_in_a_bundle_is_pickled(model: Any, histories: Histories, tmp_path: Path) -> None:
    path = put(tmp_path, histories, model)
    files = [file for file in path.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".json", ".md", ".npz", ".safetensors"}
    assert not any(file.suffix in {".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"} for file in files)
    for file in files:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype != object for name in arrays)


def test_the_card_tells_the_same_to_a_reader(histories: Histories, tmp_path: Path) -> None:
    path = put(tmp_path, histories)
    text = (path / "card.md").read_text("utf-8")
    assert text.startswith(f"# {TASK} {path.name}")
    assert "- **lake_version**: 7-2" in text
    assert "| recommender | NDCG@10 | served |" in text
    assert "| markov | 0.25 | yes |" in text


def test_the_alias_moves_to_the_newest_and_back(histories: Histories, tmp_path: Path) -> None:
    first = put(tmp_path, histories, served="first").name
    second = put(tmp_path, histories, served="second").name  # within the same second
    assert versions(tmp_path, TASK) == [first, second]
    assert open_bundle(tmp_path, TASK).about["served"] == "second"
    assert open_bundle(tmp_path, TASK, first).about["served"] == "first"
    point(tmp_path, TASK, first)
    assert open_bundle(tmp_path, TASK).about["served"] == "first"
    point(tmp_path, TASK, second, alias="challenger")
    assert (tmp_path / TASK / "challenger").read_text().strip() == second
    assert open_bundle(tmp_path, TASK).version == first
    assert sorted(p.name for p in (tmp_path / TASK).iterdir()) == sorted([first, second, CHAMPION, "challenger"])


def test_an_alias_stands_for_nothing_that_is_not_there(histories: Histories, tmp_path: Path) -> None:
    first = put(tmp_path, histories).name
    with pytest.raises(InputError, match=f"there is no version '20990101' of recommend; have: {first}"):
        point(tmp_path, TASK, "20990101")
    assert open_bundle(tmp_path, TASK).version == first


def test_an_unknown_version_lists_what_there_is(histories: Histories, tmp_path: Path) -> None:
    names = [put(tmp_path, histories).name for _ in range(2)]
    with pytest.raises(InputError, match=f"there is no version 'x' of recommend; have: {', '.join(names)}"):
        open_bundle(tmp_path, TASK, "x")
    with pytest.raises(InputError, match="there is no version 'x' of other; have: none"):
        open_bundle(tmp_path, "other", "x")


def test_where_nothing_is_trained_the_command_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="nothing is trained for recommend in this workspace; run: footfall train recommend"
    ):
        open_bundle(tmp_path, TASK)
    assert versions(tmp_path, TASK) == []


class Breaks(Popularity):
    name = "popularity"

    def save(self, folder: Path) -> None:
        super().save(folder)
        raise OSError(28, "No space left on device")


def test_what_could_not_be_written_whole_is_not_there(histories: Histories, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        put(tmp_path, histories, Breaks())
    assert versions(tmp_path, TASK) == []
    with pytest.raises(InputError, match="nothing is trained"):
        open_bundle(tmp_path, TASK)


def test_what_broke_after_its_facts_were_written_is_not_there_either(histories: Histories, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        put(tmp_path, histories, families=[{"recommender": "markov"}, {"name": "other"}])  # no table for the card
    assert [file.name for file in tmp_path.rglob("bundle.json")] == ["bundle.json"]
    assert versions(tmp_path, TASK) == []


def test_what_is_served_stays_where_the_next_could_not_be_written(histories: Histories, tmp_path: Path) -> None:
    first = put(tmp_path, histories).name
    with pytest.raises(OSError, match="No space left"):
        put(tmp_path, histories, Breaks())
    assert versions(tmp_path, TASK) == [first]
    assert open_bundle(tmp_path, TASK).version == first
    third = put(tmp_path, histories).name  # and what was left of it is in nobody's way
    assert open_bundle(tmp_path, TASK).version == third


def test_what_a_killed_process_left_is_no_version(histories: Histories, tmp_path: Path) -> None:
    first = put(tmp_path, histories)
    left = first.with_name(".new-20990101T000000Z")
    first.rename(left)  # killed after the last byte, before the name
    assert versions(tmp_path, TASK) == []
    with pytest.raises(InputError, match=f"there is no version '{first.name}' of recommend; have: none"):
        open_bundle(tmp_path, TASK)


@pytest.mark.parametrize("how", ["changed", "shortened", "removed"])
@pytest.mark.parametrize("name", ["model/arrays.npz", "model/settings.json", "vocabularies.json"])
def test_a_file_that_is_not_as_it_was_written_is_refused(
    name: str, how: str, histories: Histories, tmp_path: Path
) -> None:
    path = put(tmp_path, histories)
    assert name in json.loads((path / "bundle.json").read_text())["checksums"]
    content = bytearray((path / name).read_bytes())
    if how == "removed":
        (path / name).unlink()
    elif how == "shortened":
        (path / name).write_bytes(content[:-1])
    else:
        content[len(content) // 2] ^= 1
        (path / name).write_bytes(content)
    expected = re.escape(str(path / name)) + r" is not as it was written; train again \(footfall train recommend\)"
    with pytest.raises(InputError, match=expected):
        open_bundle(tmp_path, TASK)


def test_every_file_but_the_facts_and_the_card_has_a_checksum(histories: Histories, tmp_path: Path) -> None:
    path = put(tmp_path, histories, Blend((Markov(), Popularity())))
    files = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    assert files - set(json.loads((path / "bundle.json").read_text())["checksums"]) == {"bundle.json", "card.md"}


def test_a_bundle_of_a_later_footfall_is_refused(histories: Histories, tmp_path: Path) -> None:
    path = put(tmp_path, histories)
    text = (path / "bundle.json").read_text()
    (path / "bundle.json").write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(InputError, match="has format 2; accepted: 1; use the Footfall that wrote it"):
        open_bundle(tmp_path, TASK)


def test_facts_that_cannot_be_read_are_said(histories: Histories, tmp_path: Path) -> None:
    path = put(tmp_path, histories)
    (path / "bundle.json").write_text((path / "bundle.json").read_text()[:-40])
    with pytest.raises(InputError, match=r"bundle\.json"):
        open_bundle(tmp_path, TASK)
