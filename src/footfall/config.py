"""Settings: ``footfall.toml`` in the workspace, overridden by ``FOOTFALL_*`` in the environment; frozen once read.

Each setting knows where its value came from. An unknown or ill-typed setting is an error that names file, key and
what is accepted: a setting that is ignored in silence is worse than none.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
import zoneinfo
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from footfall.errors import ConfigError, WorkspaceError, unknown_name

FILE: Final = "footfall.toml"

MAX_THREADS: Final = 1024
"""More would not be of use on any machine, and the engine starts as many as it is told: a slip must not stop it."""

MIN_MEMORY_BYTES: Final = 2**26

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB)", re.IGNORECASE)
MINOR_DIGITS: Final[dict[str, int]] = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "TND": 3}
"""Decimals of a currency's minor unit where it is not two (ISO 4217)."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a workspace is set to.

    Attributes:
        currency: ISO 4217 code that money is shown and added up in.
        timezone: IANA zone of the shop: calendar days, and source times that carry no zone.
        session_gap_s: Inactivity that ends a session, in seconds.
        session_max_s: Longest session, in seconds.
        memory: Most memory for ingest and compile, e.g. ``2GB``.
        threads: Threads for ingest, compile and analyses; 0 takes every core.
        max_users_per_device: A device (anonymous id) seen with more users than this is joined to none of them.
        clock_skew_s: An event this far in the future is still believed, in seconds.
        origins: Setting to where its value came from: ``default``, a file, or an environment variable.
    """

    currency: str = "USD"
    timezone: str = "UTC"
    session_gap_s: int = 1800
    session_max_s: int = 86_400
    memory: str = "2GB"
    threads: int = 0
    max_users_per_device: int = 3
    clock_skew_s: int = 86_400
    origins: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)

    @property
    def minor_digits(self) -> int:
        """Decimals of the currency's minor unit."""
        return MINOR_DIGITS.get(self.currency, 2)

    @property
    def memory_bytes(self) -> int:
        """``memory`` in bytes."""
        number, unit = _SIZE.fullmatch(self.memory).groups()  # type: ignore[union-attr]  # checked when read
        return int(float(number) * {"KB": 2**10, "MB": 2**20, "GB": 2**30}[unit.upper()])

    @property
    def thread_count(self) -> int:
        """``threads``, with 0 resolved to the number of cores this process may use."""
        if self.threads:
            return self.threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


SETTING_NAMES: Final = tuple(f.name for f in dataclasses.fields(Settings) if f.name != "origins")

TEMPLATE: Final = """\
# A Footfall workspace. Every setting may also be given as FOOTFALL_<NAME> in the environment.
currency = "{currency}"            # ISO 4217; money is shown and added up in it
timezone = "{timezone}"            # IANA zone; calendar days, and source times that carry no zone
session_gap_s = 1800         # a longer silence ends a session
session_max_s = 86400        # no session is longer
memory = "2GB"               # most memory for ingest and compile
threads = 0                  # 0 takes every core
max_users_per_device = 3     # a device seen with more users is joined to none of them
clock_skew_s = 86400         # an event this far in the future is still believed
"""


def load(workspace: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a workspace.

    Args:
        workspace: The folder that holds ``footfall.toml``.
        environ: The environment; the process's own without it.

    Raises:
        WorkspaceError: There is no ``footfall.toml``.
        ConfigError: A setting is unknown or has a value that cannot be used.
    """
    environ = os.environ if environ is None else environ
    path = workspace / FILE
    if not path.is_file():
        raise WorkspaceError(f"{workspace} is no workspace: it has no {FILE}; make one with: footfall init {workspace}")
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    values: dict[str, Any] = {}
    origins = dict.fromkeys(SETTING_NAMES, "default")
    for name, value in given.items():
        if name not in SETTING_NAMES:
            raise ConfigError(f"{path}: {unknown_name('setting', name, SETTING_NAMES)}")
        values[name], origins[name] = checked(name, value, str(path)), str(path)
    for name in SETTING_NAMES:
        variable = f"FOOTFALL_{name.upper()}"
        if variable in environ:
            values[name], origins[name] = checked(name, environ[variable], variable), variable
    _refuse_near_misses(environ)
    return Settings(**values, origins=origins)


def _refuse_near_misses(environ: Mapping[str, str]) -> None:
    """Refuse a variable that nearly names a setting; others may stay: a cluster sets FOOTFALL_PORT by itself."""
    for variable in environ:
        name = variable.removeprefix("FOOTFALL_").lower()
        near = variable.startswith("FOOTFALL_") and difflib.get_close_matches(name, SETTING_NAMES, cutoff=0.8)
        if near and name not in SETTING_NAMES:
            raise ConfigError(f"{variable} names no setting; did you mean FOOTFALL_{near[0].upper()}?")


def checked(name: str, value: Any, origin: str) -> Any:
    """Return a setting's value in its own type.

    Args:
        name: One of ``SETTING_NAMES``.
        value: As given.
        origin: Where it comes from, for the message.

    Raises:
        ConfigError: It cannot be used.
    """
    check, accepted = _CHECKS[name]
    try:
        return check(value)
    except (ValueError, TypeError, OSError, zoneinfo.ZoneInfoNotFoundError):  # OSError: a zone that is a folder
        raise ConfigError(f"{origin}: {name} = {value!r} cannot be used; accepted: {accepted}") from None


def _whole(low: int, high: int | None = None) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()) or int(value) < low:
            raise ValueError
        if high is not None and int(value) > high:
            raise ValueError
        return int(value)

    return check


def _zone(value: Any) -> str:
    return zoneinfo.ZoneInfo(value).key


def _currency(value: Any) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError
    return str(value)


def _size(value: Any) -> str:
    if not _SIZE.fullmatch(value) or Settings(memory=value).memory_bytes < MIN_MEMORY_BYTES:
        raise ValueError
    return str(value)


_CHECKS: Final[dict[str, tuple[Callable[[Any], Any], str]]] = {
    "currency": (_currency, "an ISO 4217 code such as EUR"),
    "timezone": (_zone, "an IANA zone such as Europe/Berlin"),
    "session_gap_s": (_whole(1), "a whole number of seconds, at least 1"),
    "session_max_s": (_whole(1), "a whole number of seconds, at least 1"),
    "memory": (_size, "a size such as 512MB or 2GB, at least 64MB"),
    "threads": (_whole(0, MAX_THREADS), f"a whole number up to {MAX_THREADS}, 0 for every core"),
    "max_users_per_device": (_whole(1), "a whole number, at least 1"),
    "clock_skew_s": (_whole(0), "a whole number of seconds"),
}


def find_workspace(given: str | None, environ: Mapping[str, str] | None = None) -> Path:
    """Return the workspace: the one given, else ``FOOTFALL_WORKSPACE``, else the folder one stands in.

    Raises:
        WorkspaceError: That folder is no workspace.
    """
    environ = os.environ if environ is None else environ
    origin = "-w" if given else "FOOTFALL_WORKSPACE" if "FOOTFALL_WORKSPACE" in environ else "the current folder"
    path = Path(given or environ.get("FOOTFALL_WORKSPACE") or ".")
    if not (path / FILE).is_file():
        raise WorkspaceError(
            f"{path.resolve()} (from {origin}) is no workspace: it has no {FILE}; "
            f"make one with: footfall init {path if given else 'DIR'}, or name one with -w DIR"
        )
    return path
