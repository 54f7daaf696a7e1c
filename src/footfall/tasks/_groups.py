"""Groups of users: by what their events mostly say (country, device, ...), or by a file of the shop's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footfall.errors import InputError, unknown_name
from footfall.evaluation.fairness import Names
from footfall.features.table import FeatureTable
from footfall.features.users import event_types, log_of, user_features
from footfall.histories.columns import FIRST_CODE
from footfall.histories.store import Histories
from footfall.predictors._base import Int64

COLUMNS: Final = ("country", "region", "device", "channel")
"""Columns of the log that say something of users; each user's group is the value most of its events have."""
UNKNOWN: Final = "(unknown)"


def by_column(histories: Histories, table: FeatureTable, column: str) -> Names:
    """Return each row's value of a column of the log, ``(unknown)`` where no event says one; str [rows].

    Args:
        histories: Whose codes the table has.
        table: Features of users at a cutoff, so that nothing later tells.
        column: One of ``COLUMNS``.

    Raises:
        InputError: The column is none of these, or the log lacks it.
    """
    if column not in COLUMNS:
        raise InputError(unknown_name("column to tell users apart by", column, COLUMNS))
    if f"{column}_modal" not in table.names:
        have = [name for name in COLUMNS if f"{name}_modal" in table.names]
        raise InputError(
            f"this log has no column {column}; it has {', '.join(have) or 'none'}; or give --groups FILE.csv"
        )
    ids = histories.vocabularies[column].ids
    names = np.array([*[UNKNOWN] * FIRST_CODE, *ids], np.str_)
    codes: Names = names[table.column(f"{column}_modal").astype(np.int64)]
    return codes


def at(histories: Histories, rows: Int64, cutoff_us: int, by: str | Mapping[str, str]) -> Names:
    """Return the group of some users at a moment, str [rows].

    Args:
        histories: Of everybody.
        rows: Which users, int64.
        cutoff_us: UTC microseconds; only what lies before it tells.
        by: A column of the log, or groups by ``user_id``.

    Raises:
        InputError: As ``by_column`` and ``by_user``.
    """
    if not isinstance(by, str):
        return by_user(histories, by)[rows]
    table = user_features(
        log_of(histories),
        cutoff_us,
        event_types(histories),
        groups=("context",),
        rows=rows,
        timezone=histories.timezone,
        currency=histories.currency,
    )
    return by_column(histories, table, by)


def by_user(histories: Histories, groups: Mapping[str, str]) -> Names:
    """Return the group of every user of a log, ``(unknown)`` where none is given; str [users].

    Args:
        histories: Of everybody.
        groups: By ``user_id``.

    Raises:
        InputError: The log knows none of these users.
    """
    wanted = pa.array(list(groups), pa.string())
    names = np.array([*groups.values(), UNKNOWN], np.str_)
    found = [np.zeros(0, np.int64)]
    for users in histories.users:
        place = pc.index_in(users["user_id"].combine_chunks(), wanted)
        found.append(np.asarray(place.fill_null(len(groups)), np.int64))
    places = np.concatenate(found)
    if not (places < len(groups)).any():
        raise InputError(
            f"the log knows none of the {len(groups):,} users that groups are given for; give user_id as the log does"
        )
    said: Names = names[places]
    return said


def read_groups(file: str | Path) -> dict[str, str]:
    """Read the group of users from a CSV file with the columns ``user_id`` and ``group``.

    Args:
        file: Its name.

    Raises:
        InputError: There is no such file, it cannot be read, lacks a column, or gives a user two groups.
    """
    from pyarrow import csv

    path = Path(file)
    if not path.is_file():
        raise InputError(f"--groups {file}: there is no such file; give a CSV file with the columns user_id, group")
    try:
        strings = csv.ConvertOptions(column_types={"user_id": pa.string(), "group": pa.string()})
        table = csv.read_csv(path, convert_options=strings)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        line = str(error).splitlines()[0]
        raise InputError(f"--groups {file} cannot be read ({line}); give CSV in UTF-8 with user_id, group") from None
    lacks = [name for name in ("user_id", "group") if name not in table.column_names]
    if lacks:
        raise InputError(f"--groups {file} has the columns {', '.join(table.column_names)}, and no {lacks[0]}")
    found: dict[str, str] = {}
    for user, group in zip(table["user_id"].to_pylist(), table["group"].to_pylist(), strict=True):
        if not user or not group:
            continue
        if found.setdefault(user, group) != group:
            raise InputError(f"--groups {file} gives {user!r} two groups, {found[user]!r} and {group!r}; give one")
    if not found:
        raise InputError(f"--groups {file} gives no user a group; give rows of user_id, group")
    return found
