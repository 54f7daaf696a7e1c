"""Commands that train models, judge them, and ask them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from footfall.cli._common import emit, format_option, given, rule_options, the_shop
from footfall.cli._training import training_bar
from footfall.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


SHOWN_USERS = 5
"""Users that are shown where nobody says whom, and nothing is written."""


def _learning_options(command: Any) -> Any:
    for option in reversed(
        [
            click.argument("tasks", metavar="TASK...", nargs=-1, required=True),
            click.option(
                "--for",
                "goal",
                type=click.Choice(["view", "purchase", "basket"]),
                help="What to foretell: the next item viewed, what is bought next, the whole next order. Without "
                "it, what the log has: views, else purchases.",
            ),
            click.option(
                "--seen/--no-seen",
                "seen",
                default=None,
                help="Whether items had before may come again; without it, if people come back to items.",
            ),
            click.option(
                "--lookback", metavar="DURATION", help="Ask about users who were active within this time, e.g. 90d."
            ),
            click.option(
                "--act",
                type=click.Choice(["purchase", "visit"]),
                help="Of churn: what who stays does within the horizon.",
            ),
            click.option("--cutoff", metavar="TIME", help="Look at nothing from this moment on (the shop's zone)."),
            click.option("--horizon", metavar="DURATION", help="How far ahead is asked, e.g. 7d."),
            click.option(
                "--size",
                type=click.Choice(["tiny", "small", "base", "large"]),
                default="tiny",
                show_default=True,
                help="Of the behaviour model.",
            ),
            click.option("--epochs", type=click.IntRange(min=1), help="Most passes over the log."),
            click.option("-q", "--quiet", is_flag=True, help="Show no progress."),
            format_option,
        ]
    ):
        command = option(command)
    return command


def _settings(goal: str | None, seen: bool | None, **more: Any) -> dict[str, Any]:
    """Return the settings of a task that were given."""
    return given(goal=goal, exclude_seen=None if seen is None else not seen, **more)


@click.command("train")
@_learning_options
@click.option("--family", metavar="NAME", help="Serve this family, whoever wins.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Makes it repeatable.")
def train_command(
    tasks: tuple[str, ...],
    goal: str | None,
    seen: bool | None,
    lookback: str | None,
    act: str | None,
    family: str | None,
    quiet: bool,
    format_: str,
    **options: Any,
) -> None:
    """Train TASK, and serve from now on what wins on a later time.

    TASK is recommend, purchase, churn, value, interest, repurchase, next_event, session_purchase or dwell; several may
    be given.

    A training that was stopped is gone on with by the same command.
    """
    shop = the_shop()
    with training_bar(quiet) as (say, watch):
        asked = given(**options) | _settings(goal, seen, lookback=lookback, act=act, family=family)
        results = [shop.train(task, say=say, watch=watch, **asked) for task in tasks]
    for result in results:
        emit(result, format_)


@click.command("evaluate")
@_learning_options
@click.option("--against", metavar="NAMES", default="all", show_default=True, help="Families, with commas between.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How often each is fitted.")
def evaluate_command(
    tasks: tuple[str, ...],
    goal: str | None,
    seen: bool | None,
    lookback: str | None,
    act: str | None,
    against: str,
    seeds: int,
    quiet: bool,
    format_: str,
    **options: Any,
) -> None:
    """Put every family side by side on the last horizon of the log, which none of them saw."""
    shop = the_shop()
    names = [name.strip() for name in against.split(",") if name.strip()]
    with training_bar(quiet) as (say, watch):
        results = [
            shop.evaluate(
                task,
                against=names,
                seeds=range(seeds),
                say=say,
                watch=watch,
                **given(**options),
                **_settings(goal, seen, lookback=lookback, act=act),
            )
            for task in tasks
        ]
    for result in results:
        emit(result, format_)


@click.command("recommend")
@click.option("--user", "one", metavar="USER", multiple=True, help="For this user; may be given again.")
@click.option("--users", "file", metavar="FILE", help="For the users of a file: .txt, or .csv/.parquet with user_id.")
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="Length of the lists.")
@click.option("--seen/--no-seen", "seen", default=None, help="Whether items had before may come again.")
@click.option("--in-stock/--any-stock", default=True, show_default=True, help="Leave out what is not available.")
@click.option("--category", metavar="PATH", help="Only this category, and what lies below it.")
@click.option("--brand", help="Only this brand.")
@click.option("--min-price", type=float, help="Only what costs this much or more.")
@click.option("--max-price", type=float, help="Only what costs this much or less.")
@click.option(
    "--diversity", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Towards 1: the less alike."
)
@click.option("--reasons/--no-reasons", default=None, help="Say which past events moved each item (shown by default).")
@click.option("--as-of", metavar="TIME", help="Know nothing from this moment on (the shop's zone).")
@click.option("--version", metavar="VERSION", help="Of the model; the one that is served without it.")
@click.option("--out", metavar="FILE", help="Write them all: .parquet, .csv, .jsonl.")
@format_option
def recommend_command(
    one: tuple[str, ...],
    file: str | None,
    seen: bool | None,
    reasons: bool | None,
    as_of: str | None,
    version: str | None,
    out: str | None,
    format_: str,
    **wanted: Any,
) -> None:
    """Recommend items: for everybody into a file, or for some users on the screen, with reasons.

    Columns: user_id, item_id, rank, score; with --reasons the past events that moved the item, and their share.
    """
    from footfall.serving.recommending import wanted_of

    shop = the_shop()
    users = [*one, *(_users_of(file) if file else ())]
    model = shop.recommending(as_of=as_of, version=version)
    with_reasons = (out is None) if reasons is None else reasons
    settings = wanted_of(**given(exclude_seen=None if seen is None else not seen, **wanted), reasons=with_reasons)
    rows, ids = model.everybody()
    if one or file:
        rows, ids = model.rows_of(users), users
    elif out is None:
        click.echo(f"{len(ids):,} users; here are the first {SHOWN_USERS} (--user, --users, --out)", err=True)
        rows, ids = rows[:SHOWN_USERS], ids[:SHOWN_USERS]
    if out is None:
        emit(model.recommend(ids, settings), format_)
        return
    count = write_stream(model.tables(rows, ids, settings), model.schema(settings), out)
    click.echo(f"wrote {count:,} rows for {len(ids):,} users to {out}", err=True)


@click.command("predict")
@click.argument("task", metavar="TASK")
@click.option("--user", "one", metavar="USER", multiple=True, help="For this user; may be given again.")
@click.option("--users", "file", metavar="FILE", help="For the users of a file: .txt, or .csv/.parquet with user_id.")
@click.option("--as-of", metavar="TIME", help="Know nothing from this moment on (the shop's zone).")
@click.option("--explain/--no-explain", default=False, help="Say what moved each answer.")
@click.option("--version", metavar="VERSION", help="Of the model; the one that is served without it.")
@click.option("--out", metavar="FILE", help="Write them all: .parquet, .csv, .jsonl.")
@click.option("-n", "most", type=click.IntRange(min=1), default=20, show_default=True, help="Rows that are shown.")
@rule_options
@click.option("--fair-by", metavar="COLUMN", help="Choose equal shares by country, region, device or channel.")
@click.option("--groups", metavar="FILE", help="Choose equal shares by the groups of a .csv with user_id, group.")
@click.option(
    "--fair", type=click.Choice(["parity", "opportunity"]), help="Equal shares of users (parity), or of expected hits."
)
@format_option
def predict_command(
    task: str,
    one: tuple[str, ...],
    file: str | None,
    as_of: str | None,
    explain: bool,
    version: str | None,
    out: str | None,
    most: int,
    format_: str,
    **deciding: Any,
) -> None:
    """Foretell TASK of users: a calibrated probability, or an expected amount.

    TASK is purchase, churn, value, interest, repurchase, next_event, session_purchase or dwell.

    Columns: user_id, probability or amount; of interest, repurchase and next_event kind and thing; with a rule
    (--capacity, --precision, or --cost with --gain) decision, whether the user is chosen; with --explain what moved
    each answer most.
    """
    users = [*one, *(_users_of(file) if file else ())]
    asked = users if one or file else None
    shown = most if out is None and asked is None else None
    rule = given(**deciding)
    found = the_shop().predict(task, asked, as_of=as_of, version=version, reasons=explain, most=shown, **rule)
    if out is None:
        if shown is not None and found.users > shown:
            click.echo(f"{found.users:,} users; here are the first {shown} rows (-n, --user, --users, --out)", err=True)
        emit(found, format_)
        return
    count = write_stream([found.table], found.table.schema, out)
    click.echo(f"wrote {count:,} rows to {out}", err=True)
    for note in (*([found.decision.headline()] if found.decision else []), *found.notes()):
        click.echo(note, err=True)


@click.command("card")
@click.argument("task", metavar="TASK")
@click.option("--version", metavar="VERSION", help="Of the model; the one that is served without it.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="The card, or every fact that it is made of.",
)
def card_command(task: str, version: str | None, format_: str) -> None:
    """Show the card of what is trained for TASK: data, metrics, calibration, robustness, drift, known limits.

    The card is Markdown; the plot that it shows lies beside it in the folder that is named on stderr.
    """
    found = the_shop().card(task, version=version)
    click.echo(found.to_json() if format_ == "json" else found.text)
    click.echo(f"in {found.path}", err=True)


@click.command("runs")
@click.argument("ids", metavar="RUN...", nargs=-1)
@click.option("--task", help="Runs of this task only.")
@format_option
def runs_command(ids: tuple[str, ...], task: str | None, format_: str) -> None:
    """List training runs; or show one, or put several side by side: settings that differ, curves, outcomes."""
    emit(the_shop().runs(ids, task=task), format_)


def write_stream(tables: Any, schema: pa.Schema, out: str) -> int:
    """Write tables one after another into a file, by its suffix; returns the number of rows.

    The file stands only when it is whole.

    Args:
        tables: Arrow tables of one schema.
        schema: Theirs.
        out: A name ending in .parquet, .csv or .jsonl.

    Raises:
        InputError: It ends in something else.
    """
    import json

    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    from footfall.results import plain

    path = Path(out)
    if path.suffix not in (".parquet", ".csv", ".jsonl"):
        raise InputError(f"{out} has suffix {path.suffix!r}; accepted: .parquet, .csv, .jsonl")
    if path.suffix == ".csv" and "reasons" in schema.names:
        raise InputError("reasons are lists, which CSV cannot hold; write .parquet or .jsonl, or ask for none")
    fresh = path.with_name(path.name + ".new")
    count = 0
    try:
        if path.suffix == ".jsonl":
            with fresh.open("w", encoding="utf-8") as file:
                for table in tables:
                    count += table.num_rows
                    file.writelines(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in table.to_pylist())
        else:
            with (pq.ParquetWriter if path.suffix == ".parquet" else pc.CSVWriter)(str(fresh), schema) as writer:
                for table in tables:
                    count += table.num_rows
                    writer.write_table(table)
        fresh.replace(path)
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror or error}); give a file in a folder that is there"
        ) from None
    finally:
        fresh.unlink(missing_ok=True)
    return count


def _users_of(file: str) -> list[str]:
    """Read ids of users: one a line, or the column ``user_id`` of a table."""
    import pyarrow as pa

    path = Path(file)
    if not path.is_file():
        raise InputError(f"--users {file}: there is no such file")
    try:
        return _ids_in(path)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        line = str(error).splitlines()[0]
        raise InputError(
            f"--users {file} cannot be read ({line}); give ids in UTF-8, one a line or as user_id"
        ) from None


def _ids_in(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    if path.suffix == ".txt":
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if path.suffix == ".parquet":
        table = pq.read_table(path)
    elif path.suffix == ".csv":
        table = pc.read_csv(path, convert_options=pc.ConvertOptions(column_types={"user_id": pa.string()}))
    else:
        raise InputError(f"--users {path} has suffix {path.suffix!r}; accepted: .txt, .csv, .parquet")
    if "user_id" not in table.column_names:
        raise InputError(f"--users {path} has the columns {', '.join(table.column_names)}, and no user_id")
    return [str(id_) for id_ in table["user_id"].to_pylist() if id_ is not None]
