"""Whose event is it? The rules that join devices (anonymous ids) to users. No I/O; the lake applies them.

An event that names its user belongs to that user, always. An event that names only a device belongs to

- the device's user, where the device is linked to exactly one;
- with 2 to ``max_users_per_device`` users, the user of the first identified event on that device at or after it, and
  past the last identified event, that one's user;
- nobody but the device itself where there is no link, or more users than that: a till, a kiosk or a family tablet must
  not melt its users into one. Such a device is reported as ``shared_device``.

A *link* joins a device to a user. It follows from any event that carries both ids, or it is stated by hand. The newest
statement about a pair holds, so a link of either origin can be undone, and stays undone until it is stated again.
An *alias* says that one id was replaced by another (an ``alias`` event, or by hand): the earlier id may be a device's
or a user's. Aliases are followed from id to id; users that end at the same id are one user, and count as one.

History keys are ``u:`` and the user id, or ``a:`` and the anonymous id. Events in the lake are never rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

ALIAS_EVENT: Final = "alias"
"""The event type that says: ``user_id`` is from now on the id of who was called ``anonymous_id``."""

MAX_ALIAS_HOPS: Final = 16
"""An alias chain is followed this far; a longer one is an accident, and ends here."""

ONE_USER: Final = "one_user"
SEVERAL_USERS: Final = "several_users"
SHARED_DEVICE: Final = "shared_device"
UNDONE: Final = "undone"

REASONS: Final = {
    ONE_USER: "linked to one user: all its anonymous events are that user's",
    SEVERAL_USERS: "linked to several users: each anonymous event goes to the user identified next (else last) on it",
    SHARED_DEVICE: "linked to more users than max_users_per_device: its anonymous events stay its own",
    UNDONE: "every link was undone: its anonymous events stay its own",
}
"""Why a device is joined to users, or is not."""


class Alias(NamedTuple):
    """One id replaced by another.

    Attributes:
        previous: The id that is given up.
        user: The id that holds from then on.
        moment: When it was said; anything that sorts, newest last.
    """

    previous: str
    user: str
    moment: tuple[int, int, int]


def follow(aliases: Iterable[Alias]) -> dict[str, str]:
    """Return, for every id that was replaced, the id it ends at.

    The newest alias of an id holds. Aliases are taken oldest first, and one that would close a circle is left out, so
    that the answer does not depend on where one starts.

    Args:
        aliases: In any order; of equal moments the larger target counts as newer.

    >>> follow([Alias("a", "b", (1, 0, 0)), Alias("b", "c", (2, 0, 0)), Alias("c", "a", (3, 0, 0))])
    {'a': 'c', 'b': 'c'}
    """
    newest: dict[str, Alias] = {}
    for alias in sorted(aliases, key=lambda a: (a.moment, a.user)):
        newest[alias.previous] = alias
    target: dict[str, str] = {}
    shortcut: dict[str, str] = {}  # as target, with ways already walked made shorter
    for alias in sorted(newest.values(), key=lambda a: (a.moment, a.previous)):
        if _end(shortcut, alias.user) != alias.previous:
            target[alias.previous] = shortcut[alias.previous] = alias.user
    return {previous: _hop(target, previous) for previous in target}


def _end(shortcut: dict[str, str], start: str) -> str:
    here = start
    while here in shortcut:
        beyond = shortcut[here]
        shortcut[here] = shortcut.get(beyond, beyond)
        here = beyond
    return here


def _hop(target: dict[str, str], start: str) -> str:
    here = start
    for _ in range(MAX_ALIAS_HOPS):
        if here not in target:
            break
        here = target[here]
    return here


def reason(users: int, limit: int) -> str:
    """Return why a device that has been linked is joined to its users, or is not: a key of ``REASONS``.

    Args:
        users: Number of users it is linked to, aliases followed, undone links left out.
        limit: ``max_users_per_device``.
    """
    if users == 0:
        return UNDONE
    if users == 1:
        return ONE_USER
    return SEVERAL_USERS if users <= limit else SHARED_DEVICE
