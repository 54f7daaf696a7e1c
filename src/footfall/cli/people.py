"""Commands about single people: links of devices, erasure, export."""

from __future__ import annotations

import click

from footfall.cli._common import emit, format_option, the_shop


@click.command("links")
@click.option("-n", "--rows", type=click.IntRange(min=1), default=50, show_default=True, help="How many to show.")
@format_option
def links_command(rows: int, format_: str) -> None:
    """Which devices are joined to which users, and why others are not."""
    from footfall.lake.links import links_report

    emit(links_report(the_shop().workspace, limit=rows), format_)


@click.command("link")
@click.argument("anonymous_id")
@click.argument("user_id")
def link_command(anonymous_id: str, user_id: str) -> None:
    """Join the device ANONYMOUS_ID to USER_ID; events are not rewritten, and `unlink` undoes it."""
    from footfall.lake.links import link

    link(the_shop().workspace, anonymous_id, user_id)
    click.echo(f"joined {anonymous_id} to {user_id}")


@click.command("unlink")
@click.argument("anonymous_id")
@click.argument("user_id")
def unlink_command(anonymous_id: str, user_id: str) -> None:
    """Undo the link of ANONYMOUS_ID to USER_ID, wherever it came from."""
    from footfall.lake.links import unlink

    unlink(the_shop().workspace, anonymous_id, user_id)
    click.echo(f"{anonymous_id} is no longer joined to {user_id}")


@click.command("erase")
@click.argument("user_id", metavar="USER")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option
def erase_command(user_id: str, dry_run: bool, yes: bool, format_: str) -> None:
    """Remove USER (a user or anonymous id) from every table, for good."""
    from footfall.lake.erasure import erase

    shop = the_shop()
    if not dry_run and not yes:
        emit(erase(shop.workspace, user_id, dry_run=True), "table")
        click.confirm("Remove this for good?", abort=True, err=True)
    emit(erase(shop.workspace, user_id, dry_run=dry_run), format_)


@click.command("export")
@click.argument("user_id", metavar="USER")
@click.option("--out", metavar="FILE", help="Where to; <USER>.jsonl without it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@format_option
def export_command(user_id: str, out: str | None, dry_run: bool, format_: str) -> None:
    """Write everything that is held about USER."""
    from pathlib import Path

    from footfall.lake.export import export_user

    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in user_id)  # an id may hold a slash
    path = None if dry_run else Path(out or f"{name}.jsonl")
    emit(export_user(the_shop().workspace, user_id, dry_run=dry_run, out=path), format_)
