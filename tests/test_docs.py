from __future__ import annotations

import re
from pathlib import Path

import pytest

from footfall.cli.main import COMMANDS
from footfall.events.readers._registry import readers
from footfall.shop import init

ROOT = Path(__file__).parents[1]


def blocks(name: str) -> list[str]:
    return re.findall(r"```[a-z]*\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)


def test_both_readmes_show_the_same_commands_and_figures() -> None:
    assert blocks("README.md") == blocks("README.zh-CN.md")
    tables = [re.findall(r"<!-- table: summary -->.*?<!-- end -->", (ROOT / n).read_text("utf-8"), re.DOTALL)
              for n in ("README.md", "README.zh-CN.md")]  # fmt: skip
    assert tables[0] == tables[1]
    assert len(tables[0]) == 1


def test_the_readme_shows_what_ingest_prints(shared_data: Path, tmp_path: Path) -> None:
    report = init(tmp_path / "shop").ingest(shared_data / "rees46_oct2019_sample")
    assert str(report) + "\n" in blocks("README.md")


def test_every_link_in_the_docs_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} points to {target}"


def test_every_command_of_the_readme_exists() -> None:
    named = re.findall(r"footfall -w myshop ([a-z-]+)", (ROOT / "README.md").read_text("utf-8"))
    assert named
    assert set(named) <= set(COMMANDS)


def test_every_command_and_reader_has_its_place_in_the_docs() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert all(f"## footfall {name}\n" in page for name in COMMANDS)
    sources = (ROOT / "docs" / "sources.md").read_text("utf-8")
    missing = [name for name in readers() if f"`{name}`" not in sources]
    assert not missing, f"docs/sources.md says nothing of {missing}"


def test_the_contributing_page_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) < 100


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_a_readme_names_no_machine_of_ours(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert "/work/" not in text
    assert "../shared" not in text
