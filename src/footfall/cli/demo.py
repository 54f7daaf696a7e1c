"""Commands that need no data: the simulator, and the demo that runs the whole road on it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from footfall.cli._common import emit, format_option
from footfall.cli._training import training_bar
from footfall.cli.data import progress_bar
from footfall.errors import InputError

if TYPE_CHECKING:
    from footfall.shop import Shop

VISITS = "event_type not in ('message_sent', 'ad_impression')"
"""What is sent to a person is no visit of theirs."""

DEMO_EPOCHS = 2
"""Few, so that the demo is done in minutes; a model for use trains longer."""

FUNNEL = ("view_item", "add_to_cart", "begin_checkout", "purchase")


@click.command("simulate")
@click.argument("out", metavar="DIR")
@click.option("--events", type=click.IntRange(min=1), help="About how many events.")
@click.option("--users", type=click.IntRange(min=1), help="How many users.")
@click.option("--days", type=click.IntRange(min=1), default=90, show_default=True, help="How many days.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Which shop.")
@click.option("--form", type=click.Choice(["parquet", "jsonl"]), default="parquet", show_default=True, help="Of files.")
@click.option("--dirt", is_flag=True, help="Break some rows, as real logs do.")
@format_option
def simulate_command(out: str, format_: str, form: str, **options: Any) -> None:
    """Write the log, the catalogue and (apart, in truth/) the truth of a simulated shop."""
    from footfall.simulator import simulate

    emit(simulate(Path(out), format=form, **options), format_)  # type: ignore[arg-type]  # checked by click


@click.command("demo")
@click.argument("folder", metavar="DIR", default="demo-shop")
@click.option("--events", type=click.IntRange(min=1000), default=200_000, show_default=True, help="About how many.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Which shop.")
@click.option("--no-serve", is_flag=True, help="Stop after printing.")
def demo_command(folder: str, events: int, seed: int, no_serve: bool) -> None:
    """Make a simulated shop in DIR (made anew each time), read it, show its journeys, recommend, foretell who buys."""
    del no_serve  # there is nothing to serve yet; the switch is here so that scripts need not change
    from footfall import shop as shops
    from footfall.simulator import describe, simulate

    began = time.monotonic()
    home = Path(folder)
    if (home / "footfall.toml").exists():
        if not (home / ".demo").exists():
            raise click.UsageError(f"{home} is a workspace that this demo did not make; give another folder")
        shutil.rmtree(home)
    shop = shops.init(home, currency="EUR", timezone="Europe/Berlin")
    (home / ".demo").touch()
    with tempfile.TemporaryDirectory() as log:
        _say(f"1. A simulated shop of about {events:,} events (its truth is known, and kept out of the log)")
        simulation = simulate(Path(log) / "log", events=events, seed=seed, dirt=True, currency="EUR")
        click.echo(describe(simulation))
        _say("2. Its log is read: every row is accepted, a duplicate, or rejected with a reason")
        with progress_bar(quiet=False) as progress:
            report = shop.ingest([*simulation.event_files], progress=progress)
            shop.ingest_items([simulation.items_file])
        click.echo(report)
    _say("3. What is wrong with the data, and what was done about it")
    shop.histories()  # compiled now, so that robots by behaviour are counted too
    click.echo(shop.check())
    _say(f"4. Sessions: visits of people, robots left out, where {VISITS}")
    click.echo(shop.sessions(where=VISITS, exclude_bots=True))
    _say("5. The funnel")
    click.echo(shop.funnel(FUNNEL, within="7d"))
    _say("6. The paths to purchase")
    click.echo(shop.paths(end="purchase", collapse=True))
    _say("7. Who comes back")
    click.echo(shop.retention(unit="week", periods=6))
    _say("8. Buyers in groups")
    click.echo(shop.rfm())
    _say("9. Where the revenue comes from")
    click.echo(shop.attribution())
    _say("10. What comes next: a tiny behaviour model learns it, beside simple rivals; what wins is served")
    with training_bar(quiet=False) as (say, watch):
        trained = shop.train("recommend", epochs=DEMO_EPOCHS, say=say, watch=watch)
    click.echo(trained)
    _say("11. Recommendations, and the past events that moved them")
    click.echo(shop.recommend(_regulars(shop), k=4, reasons=True))
    _say("12. Who will buy within a week, with a calibrated probability, and what moved it")
    _who_buys(shop)
    _what_next(home, time.monotonic() - began)


def _what_next(home: Path, took_s: float) -> None:
    """Say how long it took, and what to try."""
    click.echo(f"\nDone in {took_s:.0f} s. The workspace is {home}; go on with, for example:")
    name = "footfall" if shutil.which("footfall") else os.path.relpath(sys.argv[0])
    click.echo(f"  {name} -w {home} transitions")
    click.echo(f"  {name} -w {home} funnel search view_item add_to_cart --within 1d --by device")
    click.echo(f"  {name} -w {home} evaluate recommend --against all --epochs {DEMO_EPOCHS}")
    click.echo(f"  {name} -w {home} recommend -k 10 --out recs.parquet")
    click.echo(f"  {name} -w {home} evaluate churn --against all --horizon 7d")
    click.echo(f"or read a log of your own: {name} init myshop; {name} -w myshop ingest events.csv")


def _who_buys(shop: Shop, most: int = 5) -> None:
    """Train boosted trees on who bought, and show the likeliest to buy; a small log may not suffice, and says so."""
    try:
        with training_bar(quiet=False) as (say, watch):
            click.echo(shop.train("purchase", horizon="7d", family="boosting", say=say, watch=watch))
    except InputError as error:
        click.echo(error)
        return
    click.echo(f"\n{shop.predict('purchase', reasons=True, most=most)}")


def _regulars(shop: Shop, most: int = 3) -> list[str]:
    """Return people with much but not too much history, of whom one sees why they are shown what they are shown."""
    model = shop.recommending()
    rows, ids = model.everybody()
    lengths = model.log.lengths[rows]
    chosen = [i for i, length in enumerate(lengths.tolist()) if 20 <= length <= 60][:most]
    return [ids[i] for i in chosen] or ids[:most]


def _say(text: str) -> None:
    click.echo(f"\n=== {text}\n")
