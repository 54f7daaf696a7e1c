"""Simulations that several tests look at; each is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from footfall.simulator import Simulation, simulate


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """About 40,000 clean events."""
    return simulate(tmp_path_factory.mktemp("simulator") / "shop", users=1800, seed=7)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """About 400,000 clean events: enough to find planted effects again."""
    return simulate(tmp_path_factory.mktemp("simulator") / "large", events=400_000, seed=11)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "out"
