"""Counting returns: for each entry into a cohort, in which later periods its user came back."""

from __future__ import annotations

import dataclasses

import numpy as np

from footfall.compiled import kernel
from footfall.journeys._activity import Bool, Int64


@dataclasses.dataclass(frozen=True)
class Entries:
    """Entries into cohorts, sorted by user, then time.

    Attributes:
        user: int64 [entries], local users.
        row: int64 [entries], the cohort's row.
        base: int64 [entries], where period 0 begins: a calendar period, or a moment in microseconds.
    """

    user: Int64
    row: Int64
    base: Int64


@dataclasses.dataclass(frozen=True)
class Returns:
    """Each user's returns in time order.

    Attributes:
        offsets: int64 [users + 1], where each user's returns begin.
        value: int64 [returns], calendar periods, or moments in microseconds.
        length: Length of a period in units of ``value``.
    """

    offsets: Int64
    value: Int64
    length: int


def count_on(entries: Entries, returns: Returns, shape: tuple[int, int], wanted: int, hit: Bool) -> Int64:
    """Count the entries whose user came back in period k, for k of 1 and more.

    Args:
        entries: Who entered.
        returns: Who came back.
        shape: Rows and periods of the answer.
        wanted: A period; the entries that came back in it are set in ``hit``. None is with -1.
        hit: bool [entries], written to when a period is wanted.

    Returns:
        int64 [rows, periods]; column 0 is empty.
    """
    users = np.zeros(shape, np.int64)
    _count_on(
        entries.user, entries.row, entries.base, returns.offsets, returns.value, returns.length, users, wanted, hit
    )
    return users


@kernel
def _count_on(
    user: Int64,
    row: Int64,
    base: Int64,
    offsets: Int64,
    value: Int64,
    length: int,
    users: Int64,
    wanted: int,
    hit: Bool,
) -> None:
    periods = users.shape[1]
    begin = 0
    for entry in range(len(user)):
        low, high = offsets[user[entry]], offsets[user[entry] + 1]
        if entry == 0 or user[entry] != user[entry - 1]:
            begin = low
        while begin < high and value[begin] < base[entry] + length:  # later entries of the user start later
            begin += 1
        seen = 0
        for at in range(begin, high):
            k = (value[at] - base[entry]) // length
            if k >= periods:
                break
            if k > seen:
                users[row[entry], k] += 1
                seen = k
                if k == wanted:
                    hit[entry] = True


def count_on_or_after(entries: Entries, returns: Returns, shape: tuple[int, int], wanted: int, hit: Bool) -> Int64:
    """Count the entries whose user came back in period k or later, for k of 1 and more; as ``count_on`` otherwise."""
    some = returns.offsets[entries.user + 1] > returns.offsets[entries.user]
    last = np.full(len(entries.user), -1, np.int64)
    final = returns.value[returns.offsets[entries.user + 1][some] - 1]
    last[some] = (final - entries.base[some]) // returns.length
    back = last >= 1
    column = np.minimum(last[back], shape[1] - 1)
    flat = np.bincount(entries.row[back] * shape[1] + column, minlength=shape[0] * shape[1])
    if wanted > 0:
        hit |= last >= wanted
    users: Int64 = np.cumsum(flat.reshape(shape)[:, ::-1], axis=1)[:, ::-1].copy()
    users[:, 0] = 0
    return users
