"""Commands about users over time: retention, lifecycle, stickiness, RFM, attribution."""

from __future__ import annotations

from typing import Any

import click

from footfall.cli._common import emit, format_option, given, scope_options, the_shop, write_table
from footfall.cli.journeys import _cell, the_scope
from footfall.errors import InputError

_unit = click.option(
    "--unit", type=click.Choice(["day", "week", "month"]), default="week", show_default=True, help="Length of a period."
)
_users = click.option("--users", metavar="FILE", help="Write the users behind the cell named by --at.")


def _listed(values: tuple[str, ...]) -> tuple[str, ...] | None:
    return values or None


@click.command("retention")
@_unit
@click.option("--periods", type=click.IntRange(1), help="Periods after the first.")
@click.option("--start", multiple=True, metavar="EVENT", help="What lets a user enter; any event without it.")
@click.option("--returns", multiple=True, metavar="EVENT", help="What counts as coming back; any event without it.")
@click.option("--cohort", type=click.Choice(["first_time", "recurring"]), default="first_time", show_default=True,
              help="A user enters once, or in every period of a start event.")  # fmt: skip
@click.option("--counting", type=click.Choice(["on", "on_or_after"]), default="on", show_default=True,
              help="Back in that period, or in that or any later one.")  # fmt: skip
@click.option("--clock", type=click.Choice(["calendar", "rolling"]), default="calendar", show_default=True,
              help="Periods of the shop's calendar, or of 24 hours since entry.")  # fmt: skip
@click.option("--against", type=click.Choice(["start", "previous"]), default="start", show_default=True,
              help="Share of the cohort, or of the period before.")  # fmt: skip
@_users
@click.option("--at", metavar="COHORT:PERIOD", help="A cell, e.g. 2019-W40:1.")
@scope_options
@format_option
def retention_command(format_: str, users: str | None, at: str | None, **options: Any) -> None:
    """Who comes back, by cohort; periods that have not ended are marked."""
    shop = the_shop()
    by = options.get("by")
    if by in {"day", "week", "month"}:  # `--by week` is how one says it
        options["unit"], options["by"] = by, None
    options["start"], options["returns"] = _listed(options["start"]), _listed(options["returns"])
    if users is not None:
        from footfall.journeys.retention import RetentionSpec, users_in

        cohort, period = _cell(at, "COHORT:PERIOD", ":")
        if not period.isdecimal():
            raise InputError(f"--at {at!r}: {period!r} is no period; accepted: a number from 0, e.g. 2019-W40:1")
        names = ("unit", "periods", "start", "returns", "cohort", "counting", "clock", "against")
        spec = RetentionSpec(**{n: options[n] for n in names})
        scope = shop.scope(**the_scope(options))
        write_table(users_in(shop.histories(), spec, cohort=cohort, period=int(period), scope=scope), users)
    emit(shop.retention(**given(**options)), format_)


@click.command("lifecycle")
@_unit
@click.option("--events", multiple=True, metavar="EVENT", help="What counts as active; any event without it.")
@_users
@click.option("--at", metavar="PERIOD:STATE", help="A cell, e.g. 2019-W40:resurrecting.")
@scope_options
@format_option
def lifecycle_command(format_: str, users: str | None, at: str | None, **options: Any) -> None:
    """New, returning, resurrecting and dormant users, period by period."""
    shop = the_shop()
    options["events"] = _listed(options["events"])
    if users is not None:
        from footfall.journeys.lifecycle import LifecycleSpec, users_in

        period, state = _cell(at, "PERIOD:STATE", ":")
        spec = LifecycleSpec(options["unit"], options["events"])
        scope = shop.scope(**the_scope(options))
        found = users_in(shop.histories(), spec, period=period, state=state, scope=scope)  # type: ignore[arg-type]  # checked there
        write_table(found, users)
    emit(shop.lifecycle(**given(**options)), format_)


@click.command("stickiness")
@click.option("--interval", type=click.Choice(["week", "month"]), default="week", show_default=True, help="Counted in.")
@click.option("--events", multiple=True, metavar="EVENT", help="What counts as active; any event without it.")
@_users
@click.option("--at", metavar="INTERVAL:DAYS", help="A cell, e.g. 2019-W40:3.")
@scope_options
@format_option
def stickiness_command(format_: str, users: str | None, at: str | None, **options: Any) -> None:
    """On how many days of a week or month users are active."""
    shop = the_shop()
    options["events"] = _listed(options["events"])
    if users is not None:
        from footfall.journeys.stickiness import StickinessSpec, users_in

        interval, days = _cell(at, "INTERVAL:DAYS", ":")
        if not days.isdecimal():
            raise InputError(f"--at {at!r}: {days!r} is no number of days; accepted: e.g. 2019-W40:3")
        spec = StickinessSpec(options["interval"], options["events"])
        scope = shop.scope(**the_scope(options))
        write_table(users_in(shop.histories(), spec, interval=interval, days=int(days), scope=scope), users)
    emit(shop.stickiness(**given(**options)), format_)


@click.command("rfm")
@click.option("--as-of", metavar="TIME", help="The moment recency is counted to; the end of the log without it.")
@click.option("--users", metavar="FILE", help="Write recency, frequency, value, scores and group of every buyer.")
@scope_options
@format_option
def rfm_command(format_: str, as_of: str | None, users: str | None, **options: Any) -> None:
    """Recency, frequency and monetary value of buyers in quintiles, and named groups."""
    shop = the_shop()
    as_of_us = shop.moment_us(as_of, "as-of")
    if users is not None:
        from footfall.journeys.rfm import rfm_table

        write_table(rfm_table(shop.histories(), as_of_us=as_of_us, scope=shop.scope(**the_scope(options))), users)
    emit(shop.rfm(as_of_us=as_of_us, **given(**options)), format_)


@click.command("attribution")
@click.option("--column", type=click.Choice(["channel", "campaign"]), default="channel", show_default=True, help="Of.")
@click.option("--conversion", default="purchase", show_default=True, help="Event type that brings the revenue.")
@click.option("--model", "models", multiple=True, metavar="MODEL", help="As listed in the table.")
@click.option("--lookback", default="30d", show_default=True, help="Longest time from a touch to its conversion.")
@click.option("--half-life", default="7d", show_default=True, help="Of time_decay.")
@_users
@click.option("--at", metavar="CHANNEL:MODEL", help="A cell, e.g. email:linear.")
@scope_options
@format_option
def attribution_command(
    format_: str,
    users: str | None,
    at: str | None,
    lookback: str,
    half_life: str,
    models: tuple[str, ...],
    **options: Any,
) -> None:
    """Revenue by the channels that led to it; a touch comes before the revenue."""
    from footfall.durations import parse_duration_s
    from footfall.journeys.attribution import MODELS, AttributionSpec, users_in

    shop = the_shop()
    days = {
        "lookback_days": parse_duration_s(lookback) / 86_400,
        "half_life_days": parse_duration_s(half_life) / 86_400,
    }
    if users is not None:
        channel, model = _cell(at, "CHANNEL:MODEL", ":")
        spec = AttributionSpec(options["column"], options["conversion"], models or MODELS, **days)  # type: ignore[arg-type]  # checked there
        scope = shop.scope(**the_scope(options))
        write_table(users_in(shop.histories(), spec, channel=channel, model=model, scope=scope), users)  # type: ignore[arg-type]  # checked there
    emit(shop.attribution(models=models or MODELS, **days, **given(**options)), format_)
