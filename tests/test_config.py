"""Settings: what the file and the environment say, where each value came from, and what a wrong one is told."""

from __future__ import annotations

import os
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.config import (
    FILE,
    MAX_THREADS,
    MIN_MEMORY_BYTES,
    SETTING_NAMES,
    TEMPLATE,
    Settings,
    checked,
    find_workspace,
    load,
)
from footfall.errors import ConfigError, WorkspaceError
from footfall.lake.workspace import Workspace

DEFAULTS = Settings()


def settings_file(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text, "utf-8")
    return folder


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(settings_file(folder, text), {})
    return str(caught.value)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load(settings_file(tmp_path, ""), {})
    assert settings == DEFAULTS
    assert settings.origins == dict.fromkeys(SETTING_NAMES, "default")


def test_the_template_names_every_setting_and_says_the_defaults(tmp_path: Path) -> None:
    text = TEMPLATE.format(currency="USD", timezone="UTC")
    assert tuple(re.findall(r"^(\w+) =", text, re.MULTILINE)) == SETTING_NAMES
    assert load(settings_file(tmp_path, text), {}) == DEFAULTS


def test_the_environment_goes_before_the_file_and_each_value_says_where_it_is_from(tmp_path: Path) -> None:
    settings_file(tmp_path, 'currency = "EUR"\nthreads = 3\n')
    settings = load(tmp_path, {"FOOTFALL_THREADS": "2", "FOOTFALL_MEMORY": "512mb", "THREADS": "9"})
    assert (settings.currency, settings.threads, settings.memory) == ("EUR", 2, "512mb")
    assert settings.origins == {
        **dict.fromkeys(SETTING_NAMES, "default"),
        "currency": str(tmp_path / FILE),
        "threads": "FOOTFALL_THREADS",
        "memory": "FOOTFALL_MEMORY",
    }


def test_the_processs_own_environment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_CLOCK_SKEW_S", "7")
    assert load(settings_file(tmp_path, "")).clock_skew_s == 7


def test_a_wrong_value_in_the_file_is_an_error_even_where_the_environment_overrides_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="threads = 'many' cannot be used"):
        load(settings_file(tmp_path, 'threads = "many"'), {"FOOTFALL_THREADS": "2"})


THREADS = f"a whole number up to {MAX_THREADS}, 0 for every core"
WRONG = [
    ("currency", '"eur"', "'eur'", "an ISO 4217 code such as EUR"),
    ("currency", '"EUR\\n"', "'EUR\\n'", "an ISO 4217 code such as EUR"),
    ("currency", "978", "978", "an ISO 4217 code such as EUR"),
    ("timezone", '"Mars/Base"', "'Mars/Base'", "an IANA zone such as Europe/Berlin"),
    ("timezone", '""', "''", "an IANA zone such as Europe/Berlin"),
    ("timezone", '"Europe"', "'Europe'", "an IANA zone such as Europe/Berlin"),  # a folder of zones
    ("timezone", '"../UTC"', "'../UTC'", "an IANA zone such as Europe/Berlin"),
    ("timezone", "2", "2", "an IANA zone such as Europe/Berlin"),
    ("session_gap_s", "0", "0", "a whole number of seconds, at least 1"),
    ("session_gap_s", "30.5", "30.5", "a whole number of seconds, at least 1"),
    ("session_max_s", "nan", "nan", "a whole number of seconds, at least 1"),
    ("session_max_s", "inf", "inf", "a whole number of seconds, at least 1"),
    ("memory", "2", "2", "a size such as 512MB or 2GB, at least 64MB"),
    ("memory", '"2TB"', "'2TB'", "a size such as 512MB or 2GB, at least 64MB"),
    ("memory", '"-2GB"', "'-2GB'", "a size such as 512MB or 2GB, at least 64MB"),
    ("threads", "-1", "-1", THREADS),
    ("threads", "true", "True", THREADS),
    ("threads", "[2]", "[2]", THREADS),
    ("threads", str(MAX_THREADS + 1), str(MAX_THREADS + 1), THREADS),
    ("max_users_per_device", "0", "0", "a whole number, at least 1"),
    ("clock_skew_s", '"a day"', "'a day'", "a whole number of seconds"),
]


@pytest.mark.parametrize(("name", "written", "shown", "accepted"), WRONG, ids=lambda v: str(v)[:20])
def test_a_value_that_cannot_be_used_is_one_line_that_names_file_value_and_what_is_accepted(
    name: str, written: str, shown: str, accepted: str, tmp_path: Path
) -> None:
    said = refusal(tmp_path, f"{name} = {written}\n")
    assert said == f"{tmp_path / FILE}: {name} = {shown} cannot be used; accepted: {accepted}"


def test_every_setting_has_a_value_that_is_refused() -> None:
    assert {name for name, *_ in WRONG} == set(SETTING_NAMES)


def test_a_wrong_variable_is_named_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(settings_file(tmp_path, ""), {"FOOTFALL_SESSION_GAP_S": "30m"})
    assert str(caught.value) == (
        "FOOTFALL_SESSION_GAP_S: session_gap_s = '30m' cannot be used; accepted: a whole number of seconds, at least 1"
    )


def test_an_unknown_setting_names_its_nearest_and_all(tmp_path: Path) -> None:
    assert refusal(tmp_path, 'curency = "EUR"') == (
        f"{tmp_path / FILE}: unknown setting 'curency'; did you mean 'currency'? "
        f"Accepted: {', '.join(sorted(SETTING_NAMES))}"
    )


def test_where_values_came_from_is_no_setting(tmp_path: Path) -> None:
    assert "unknown setting 'origins'" in refusal(tmp_path, "[origins]\ncurrency = 'me'")


@pytest.mark.parametrize("content", [b"currency = EUR\n", b'currency = "\xff"\n', b"a = 1\na = 2\n"])
def test_what_is_no_toml_names_the_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {})
    assert str(caught.value).startswith(f"{tmp_path / FILE} is not valid TOML: ")
    assert "\n" not in str(caught.value)


@given(st.from_regex(re.compile(r"\d{1,6}(\.\d{1,3})?\s?(KB|MB|GB)", re.ASCII | re.IGNORECASE), fullmatch=True))
def test_every_size_that_is_accepted_is_bytes(size: str) -> None:
    number = size.rstrip(string.ascii_letters).rstrip()
    power = {"K": 10, "M": 20, "G": 30}[size[-2].upper()]
    expected = int(float(number) * 2**power)
    if expected >= MIN_MEMORY_BYTES:
        assert Settings(memory=checked("memory", size, "here")).memory_bytes == expected
    else:
        with pytest.raises(ConfigError):
            checked("memory", size, "here")


def test_a_variable_that_nearly_names_a_setting_is_refused_and_others_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("")
    with pytest.raises(ConfigError, match=r"^FOOTFALL_CURENCY names no setting; did you mean FOOTFALL_CURRENCY\?$"):
        load(tmp_path, {"FOOTFALL_CURENCY": "EUR"})
    load(tmp_path, {"FOOTFALL_PORT": "tcp://10.0.0.1:80", "FOOTFALL_DATA": "/x", "FOOTFALL_WORKSPACE": "/y"})


@given(st.integers(min_value=1, max_value=10**12))
def test_a_whole_number_is_the_same_however_it_is_written(number: int) -> None:
    assert {checked("session_gap_s", form, "here") for form in (number, str(number), float(number))} == {number}


@given(st.one_of(st.text(max_size=12), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.text())))
def test_no_value_at_all_ends_in_anything_but_a_setting_or_our_error(value: object) -> None:
    for name in SETTING_NAMES:
        try:
            checked(name, value, "here")
        except ConfigError as error:
            assert str(error).startswith(f"here: {name} = {value!r} cannot be used; accepted: ")  # noqa: PT017 - either is right


def test_threads_are_what_was_set_and_every_core_without(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(threads=5).thread_count == 5
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 7}, raising=False)
    assert Settings().thread_count == 3
    # macOS and Windows have no such call; a setting holds there too.
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 11)
    assert (Settings().thread_count, Settings(threads=5).thread_count) == (11, 5)


def test_currencies_have_their_own_minor_units() -> None:
    assert [Settings(currency=c).minor_digits for c in ("EUR", "JPY", "KWD")] == [2, 0, 3]


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError) as caught:
        load(tmp_path, {})
    assert str(caught.value) == (
        f"{tmp_path} is no workspace: it has no {FILE}; make one with: footfall init {tmp_path}"
    )


def test_the_workspace_is_the_one_given_else_the_variables_else_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("given", "variable", "here"):
        (tmp_path / name).mkdir()
        settings_file(tmp_path / name, "")
    monkeypatch.chdir(tmp_path / "here")
    environ = {"FOOTFALL_WORKSPACE": str(tmp_path / "variable")}
    assert find_workspace(str(tmp_path / "given"), environ) == tmp_path / "given"
    assert find_workspace(None, environ) == tmp_path / "variable"
    assert find_workspace(None, {}) == Path()


def test_no_workspace_says_who_named_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_file(tmp_path, "")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for given_, environ, origin, make in (
        ("x", {"FOOTFALL_WORKSPACE": str(tmp_path)}, "-w", "x"),
        (None, {"FOOTFALL_WORKSPACE": "y"}, "FOOTFALL_WORKSPACE", "DIR"),
        (None, {}, "the current folder", "DIR"),
    ):
        with pytest.raises(WorkspaceError) as caught:
            find_workspace(given_, environ)
        place = (Path.cwd() / (given_ or environ.get("FOOTFALL_WORKSPACE") or ".")).resolve()
        assert str(caught.value) == (
            f"{place} (from {origin}) is no workspace: it has no {FILE}; "
            f"make one with: footfall init {make}, or name one with -w DIR"
        )


@pytest.mark.parametrize("wrong", [{"currency": "usd"}, {"timezone": "Europe"}, {"currency": 'EUR"\nthreads = 1\n#'}])
def test_a_workspace_with_wrong_settings_is_not_half_made(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used; accepted: an I"):
        Workspace.init(tmp_path / "shop", **wrong)
    assert not (tmp_path / "shop").exists()
    assert Workspace.init(tmp_path / "shop").settings.currency == "USD"
