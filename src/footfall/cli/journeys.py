"""Commands about single journeys: sessions, funnel, paths, transitions, step matrix."""

from __future__ import annotations

from typing import Any

import click

from footfall.cli._common import emit, format_option, given, scope_options, session_options, the_shop, write_table
from footfall.errors import InputError

_SCOPE = ("where", "from_", "to", "exclude_bots")


def the_scope(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of ``options`` that make a scope."""
    return {name: options.get(name) for name in _SCOPE}


def _rule(options: dict[str, Any], gap_s: int) -> Any:
    from footfall.journeys._cut import SessionRule

    return SessionRule(options["gap_s"] or gap_s, source=options["source"])


@click.command("sessions")
@session_options
@click.option("--per", type=click.Choice(["day", "week", "month"]), help="One row per period, besides the whole.")
@click.option("--out", metavar="FILE", help="Write one row per session (.parquet, .csv or .jsonl).")
@scope_options
@format_option
def sessions_command(format_: str, out: str | None, **options: Any) -> None:
    """Visits, cut by inactivity: how many, how long, how many engaged, how many that buy."""
    shop = the_shop()
    if out is not None:
        from footfall.journeys.sessions import SessionsSpec, session_table

        rule = _rule(options, shop.settings.session_gap_s)
        table = session_table(shop.histories(), spec=SessionsSpec(rule=rule), scope=shop.scope(**the_scope(options)))
        write_table(table, out)
    emit(shop.sessions(**given(**options)), format_)


@click.command("funnel")
@click.argument("steps", metavar="STEP...", nargs=-1, required=True)
@click.option("--within", default="7d", show_default=True, help="Time for the whole funnel: 30m, 24h, 7d, or none.")
@click.option(
    "--order", type=click.Choice(["ordered", "strict", "any"]), default="ordered", show_default=True, help="Of steps."
)
@click.option(
    "--window-from",
    type=click.Choice(["first", "previous"]),
    default="first",
    show_default=True,
    help="Where the time starts to run: at the first step, or anew at each.",
)
@click.option("--exclude", metavar="STEP", multiple=True, help="Whoever does this in between is left out altogether.")
@click.option("--by-value", default="first", show_default=True, help="Which value --by takes: first, last, step:N.")
@click.option("--users", metavar="FILE", help="Write the users and how far each got (.parquet, .csv or .jsonl).")
@scope_options
@format_option
def funnel_command(format_: str, steps: tuple[str, ...], users: str | None, **options: Any) -> None:
    """How many users get from STEP to STEP.

    A STEP is an event type (view_item), or one with a condition ("view_item where category like 'shoes.%'"), with a
    label before a colon if wanted; a question mark behind it makes it optional.
    """
    shop = the_shop()
    within = None if options["within"] == "none" else options.pop("within")
    options.pop("within", None)
    result = shop.funnel(list(steps), within=within, want_users=users is not None, **given(**options))
    if users is not None:
        write_table(_funnel_users(result), users)
    emit(result, format_)


def _funnel_users(result: Any) -> Any:
    from footfall.journeys._run import Breakdown

    if isinstance(result, Breakdown):
        raise InputError("--users and --by cannot be used together; narrow the funnel with --where instead")
    return result.users_table()


@click.command("paths")
@click.option("--from", "start", metavar="EVENT", help="Paths start at its first occurrence.")
@click.option("--to", "end", metavar="EVENT", help="Paths end at its first occurrence, e.g. purchase.")
@click.option("--within", type=click.Choice(["session", "history"]), default="session", show_default=True, help="Of.")
@click.option("--occurrences", type=click.Choice(["first", "all"]), default="first", show_default=True, help="Anchors.")
@click.option("--collapse", is_flag=True, help="Count a run of one event type as one step.")
@click.option("--max-steps", type=click.IntRange(2), default=5, show_default=True, help="Columns.")
@click.option("--rows-per-step", type=click.IntRange(1), default=6, show_default=True, help="Then comes (other).")
@click.option("--top", type=click.IntRange(0), default=10, show_default=True, help="Whole paths listed.")
@click.option("--users", metavar="FILE", help="Write the users behind the cell named by --at.")
@click.option("--at", metavar="STEP:EVENT", help="A cell, e.g. 2:view_item.")
@session_options
@click.option("--where", metavar="CONDITION", help="Only events that meet it.")
@click.option("--by", metavar="COLUMN", help="One result per value of a column.")
@click.option("--since", metavar="TIME", help="First moment, inclusive (the shop's zone).")
@click.option("--until", metavar="TIME", help="Last moment, exclusive.")
@click.option("--exclude-bots", is_flag=True, help="Leave out what is flagged as a robot.")
@format_option
def paths_command(format_: str, users: str | None, at: str | None, **options: Any) -> None:
    """What users do on the way to, or from, an event; every column sums to the number of paths.

    Here --from and --to name events; the span of time is --since and --until.
    """
    shop = the_shop()
    options["from_"], options["to"] = options.pop("since"), options.pop("until")
    if users is not None:
        from footfall.journeys.paths import PathsSpec, users_at

        step, event_type = _cell(at, "STEP:EVENT", ":")
        if not step.isdecimal():
            raise InputError(f"--at {at!r}: {step!r} is no step; accepted: a number from 1, e.g. 2:view_item")
        names = ("start", "end", "within", "occurrences", "collapse", "max_steps", "rows_per_step", "top")
        spec = PathsSpec(**{n: options[n] for n in names}, rule=_rule(options, shop.settings.session_gap_s))
        scope = shop.scope(**the_scope(options))
        write_table(users_at(shop.histories(), int(step), event_type, spec=spec, scope=scope), users)
    emit(shop.paths(**given(**options)), format_)


def _cell(at: str | None, form: str, sign: str) -> tuple[str, str]:
    left, found, right = (at or "").rpartition(sign)
    if not found or not left or not right:
        raise InputError(f"--users needs --at {form}; given: {at!r}")
    return left, right


@click.command("transitions")
@click.option("--collapse", is_flag=True, help="Count a run of one event type as one.")
@click.option("--users", metavar="FILE", help="Write the users behind the transition named by --at.")
@click.option("--at", metavar="SOURCE>TARGET", help="A transition, e.g. 'view_item>add_to_cart'.")
@session_options
@scope_options
@format_option
def transitions_command(format_: str, users: str | None, at: str | None, **options: Any) -> None:
    """What follows what within sessions."""
    shop = the_shop()
    if users is not None:
        from footfall.journeys.transitions import TransitionsSpec, users_at

        source, target = _cell(at, "SOURCE>TARGET", ">")
        spec = TransitionsSpec(_rule(options, shop.settings.session_gap_s), options["collapse"])
        scope = shop.scope(**the_scope(options))
        write_table(users_at(shop.histories(), source, target, spec=spec, scope=scope), users)
    emit(shop.transitions(**given(**options)), format_)


@click.command("step-matrix")
@click.option("--max-steps", type=click.IntRange(1), default=10, show_default=True, help="Columns.")
@click.option("--collapse", is_flag=True, help="Count a run of one event type as one.")
@session_options
@scope_options
@format_option
def step_matrix_command(format_: str, **options: Any) -> None:
    """Which events stand at the first, second, third place of a session; every column sums to 1."""
    emit(the_shop().step_matrix(**given(**options)), format_)
