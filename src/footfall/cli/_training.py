"""What is shown while training: a bar with events per second, loss, metric and time left; lines in a log file."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from footfall.tasks._base import Say, Watch
    from footfall.training.loop import Step


@contextlib.contextmanager
def training_bar(quiet: bool) -> Iterator[tuple[Say, Watch]]:
    """Show how training goes on stderr; yields what is to be told of it.

    Args:
        quiet: Show nothing.
    """
    if quiet:
        yield (lambda _: None), (lambda *_: None)
        return
    if not sys.stderr.isatty():
        lines = Lines()
        yield lines.say, lines.watch
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        shown: dict[str, tuple[TaskID, float, int]] = {}

        def watch(title: str, step: Step) -> None:
            done, whole = step.epoch * step.epoch_events + step.events, step.epochs * step.epoch_events
            if title not in shown:
                for task, _, _ in shown.values():
                    bar.remove_task(task)
                shown.clear()
                shown[title] = bar.add_task(title, total=whole, text=""), time.monotonic(), done
            task, began, before = shown[title]
            rate = (done - before) / max(time.monotonic() - began, 1e-3)
            bar.update(task, completed=done, total=whole, text=_text(step, rate))

        yield (lambda text: bar.console.print(text, highlight=False, markup=False)), watch


class Lines:
    """For a log file: a line for what is done, and one for an epoch."""

    def __init__(self) -> None:
        self._epoch: tuple[str, int] = ("", -1)
        self._began, self._events = time.monotonic(), 0

    def say(self, text: str) -> None:
        """Write a line.

        Args:
            text: What is done.
        """
        click.echo(text, err=True)

    def watch(self, title: str, step: Step) -> None:
        """Write a line at the end of an epoch.

        Args:
            title: What is trained.
            step: Where it stands.
        """
        if (title, step.epoch) != self._epoch:
            self._epoch, self._began, self._events = (title, step.epoch), time.monotonic(), 0
        if step.events >= step.epoch_events:
            rate = step.events / max(time.monotonic() - self._began, 1e-3)
            click.echo(f"{title}: {_text(step, rate)}", err=True)


def _text(step: Step, rate: float) -> str:
    best = f", best NDCG@10 {step.best:.4f}" if math.isfinite(step.best) else ""
    return f"epoch {step.epoch + 1}/{step.epochs}, {rate:,.0f} events/s, loss {step.loss:.3f}{best}"
