"""Footfall reads a shop's event log, shows the journeys in it, and answers the shop's questions.

    import footfall

    shop = footfall.init("myshop")
    print(shop.ingest(["events.csv.gz"]))
    print(shop.funnel(["view_item", "add_to_cart", "purchase"], within="7d"))

Importing this package loads no heavy library; each is loaded by the first call that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from footfall._version import __version__
from footfall.errors import (
    ConditionError,
    ConfigError,
    FootfallError,
    InputError,
    LakeError,
    MissingDependencyError,
    SourceError,
    StaleHistoriesError,
    WorkspaceError,
)

if TYPE_CHECKING:
    from footfall.shop import Shop, init, open  # noqa: A004 - footfall.open reads like what it does

__all__ = [
    "ConditionError",
    "ConfigError",
    "FootfallError",
    "InputError",
    "LakeError",
    "MissingDependencyError",
    "Shop",
    "SourceError",
    "StaleHistoriesError",
    "WorkspaceError",
    "__version__",
    "init",
    "open",
]


def __getattr__(name: str) -> Any:
    if name in {"Shop", "init", "open"}:
        from footfall import shop

        return getattr(shop, name)
    raise AttributeError(f"module 'footfall' has no attribute {name!r}")
