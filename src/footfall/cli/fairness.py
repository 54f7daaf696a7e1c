"""The command about fairness: what is foretold and decided, by group."""

from __future__ import annotations

from typing import Any

import click

from footfall.cli._common import emit, format_option, given, rule_options, the_shop
from footfall.cli._training import training_bar


@click.command("fairness")
@click.argument("task", metavar="TASK")
@click.option(
    "--by", metavar="COLUMN", help="Groups by what users' events mostly say: country, region, device, channel."
)
@click.option("--groups", metavar="FILE", help="Groups of your own: a .csv with user_id, group.")
@rule_options
@click.option(
    "--bound",
    type=click.FloatRange(min=0),
    default=0.1,
    show_default=True,
    help="How far a group may be from the rest.",
)
@click.option(
    "--mitigate",
    type=click.Choice(["parity", "opportunity"]),
    help="Also choose as many by equal shares of each group's users, or of its expected hits, and say the price.",
)
@click.option("--family", metavar="NAME", help="Judge this family; the champion without it.")
@click.option("--lookback", metavar="DURATION", help="Ask about users who were active within this time, e.g. 90d.")
@click.option("--cutoff", metavar="TIME", help="Look at nothing from this moment on (the shop's zone).")
@click.option("--horizon", metavar="DURATION", help="How far ahead is asked, e.g. 7d.")
@click.option(
    "--size",
    type=click.Choice(["tiny", "small", "base", "large"]),
    default="tiny",
    show_default=True,
    help="Of the behaviour model.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Most passes over the log.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Makes it repeatable.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@format_option
def fairness_command(task: str, quiet: bool, format_: str, **options: Any) -> None:
    """Judge TASK (purchase, churn) by group, on the last horizon of the log, which the model did not see.

    Of each group: how many there are, what came and what was said, AUROC, AP, ECE, and how many are chosen, of all, of
    those of whom it came true, and of those of whom it did not. Without a rule (--capacity, --precision, or --cost with
    --gain) as large a share is chosen as came true before. A group that is beyond the bound from the rest, by more than
    chance, is warned of.
    """
    shop = the_shop()
    with training_bar(quiet) as (say, watch):
        found = shop.fairness(task, say=say, watch=watch, **given(**options))
    emit(found, format_)
