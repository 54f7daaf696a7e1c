"""Model cards: what a bundle is, how good it is, and what it is not good for, in Markdown, from its facts alone.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019. The plot beside the card is ``_card_plot``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from footfall.results import format_cell
from footfall.serving._card_limits import DECIDES, limits
from footfall.serving._card_plot import FILES
from footfall.serving._card_tables import (
    drift_part,
    fairness_part,
    number,
    reasons_part,
    robustness_part,
    share,
    table,
    with_interval,
)

METRICS: Final[Mapping[str, str]] = {
    "AUROC": "chance that one of yes is ranked above one of no; .5 is chance",
    "AP": "average precision; a constant has the rate of yes",
    "LogLoss": "mean surprise, lower is better",
    "Brier": "mean squared distance from what happened, lower is better",
    "ECE": "mean distance of probability and rate over bins, lower is better",
    "Spearman": "rank correlation with what came",
    "Gini": "order of users by amount, 1 is perfect, 0 is chance",
    "MAE": "mean absolute error, lower is better",
    "RMSE": "root of the mean squared error, lower is better",
}
"""What a metric says, in a few words."""


def card(facts: Mapping[str, Any]) -> str:
    """Return a bundle's card, Markdown.

    Args:
        facts: What ``bundle.json`` says.
    """
    return prediction_card(facts) if "judged" in facts else plain_card(facts)


def plain_card(facts: Mapping[str, Any]) -> str:
    """Return the facts as a list, and the families as a table.

    Args:
        facts: What ``bundle.json`` says.
    """
    lines = [f"# {facts['task']} {facts['version']}", ""]
    lines += [f"- **{name}**: {format_cell(v)}" for name, v in facts.items() if name not in ("checksums", "families")]
    families = facts.get("families", [])
    if families:
        names = list(families[0])
        lines += ["", *table(names, [[format_cell(row[name]) for name in names] for row in families])]
    return "\n".join(lines) + "\n"


def prediction_card(facts: Mapping[str, Any]) -> str:
    """Return the card of a prediction.

    Args:
        facts: What ``bundle.json`` says.
    """
    parts = (
        _short(facts),
        _use(facts),
        _data(facts),
        _families(facts),
        _calibration(facts),
        _importances(facts),
        reasons_part(facts),
        robustness_part(facts),
        drift_part(facts),
        fairness_part(facts),
        ["## Known limits", *(f"- {sentence}" for sentence in limits(facts))],
        _made(facts),
    )
    text = "\n\n".join("\n".join(part) for part in parts if part)
    return f"# {facts['task']} {facts['version']}\n\n{text}\n"


def _short(facts: Mapping[str, Any]) -> list[str]:
    own, kind = facts["metrics"][facts["served"]], facts["kind"]
    said = ", ".join(f"{name} {with_interval(own[name])}" for name in (("AUROC", "AP") if kind == "binary" else own))
    came = f"of {share(facts['judged']['rate'])} the answer was yes" if kind == "binary" else _amounts(facts)
    question = facts["question_text"]
    when = f"as of {facts['moments']['judged'][:10]}, a horizon that it had not seen"
    lines = [
        f"**{question[:1].upper()}{question[1:]}.** {facts['asks']}",
        "",
        f"- Served: **{facts['served']}**, {_why(facts)}.",
        f"- Judged on {facts['judged_users']:,} users{_cases(facts)} {when}; {came}.",
        f"- {said} (in brackets: 95 % interval over users).",
    ]
    if kind == "binary":
        chance = with_interval(facts["judged"]["ece_by_chance"])
        lines.append(f"- Calibration: ECE {with_interval(own['ECE'])}; perfect probabilities would show {chance}.")
    if facts["robustness"]:
        lines.append(
            f"- Stability under realistic edits of the log: {number(facts['robustness']['stability'], 2)} "
            "(1: the same users stay in the highest tenth)."
        )
    leaks = facts.get("leaks") or ()
    lines.append(f"- Likely leaks: {'; '.join(leaks)}." if leaks else "- Likely leaks: none found.")
    return lines


def _cases(facts: Mapping[str, Any]) -> str:
    """Return how many questions were asked of the users judged, where it is more than one each."""
    cases = facts["moments"].get("judged_cases", facts["judged_users"])
    return f" ({cases:,} cases)" if cases != facts["judged_users"] else ""


def _amounts(facts: Mapping[str, Any]) -> str:
    judged = facts["judged"]
    unit = f" {facts['currency']}" if facts.get("currency") else ""
    return f"{number(judged['mean_actual'], 4)}{unit} a user came, {number(judged['mean_predicted'], 4)} was foretold"


def _why(facts: Mapping[str, Any]) -> str:
    if facts["champion_by"] == "asked for":
        return "as was asked for"
    loss = "log loss" if facts["kind"] == "binary" else "Tweedie's deviance"
    return f"which had the best {loss} where answers were calibrated, before the judged horizon was looked at"


def _use(facts: Mapping[str, Any]) -> list[str]:
    settings = facts.get("settings", {})
    asked = f" that the question is about (lookback {settings['lookback']})" if "lookback" in settings else ""
    days = number(facts["moments"]["horizon_days"], 3)
    head = "## For which decisions"
    if facts["kind"] == "amount":
        text = (
            f"Each answer is the amount expected of a user{asked} within {days} days. Use it to rank users by what "
            "they will be worth, to set what may be spent on one, or add it up over a group. It is a mean: most users "
            "come to less, a few to much more. It says nothing of other horizons."
        )
        return [head, text]
    text = (
        f"Each answer is a calibrated probability for a user{asked} within {days} days. Rank users by it, or act "
        "wherever probability x gain is more than the cost of acting. It says nothing of other horizons."
    )
    gains = [row for row in facts["judged"]["gains"] if row["share"] < 1]
    if not gains:
        return [head, text]
    cells = [
        [share(row["share"]), f"{row['count']:,}", number(row["lowest_score"], 3), share(row["precision"]),
         share(row["recall"]), f"{row['lift']:.2f}"]
        for row in gains[:5]
    ]  # fmt: skip
    heads = ("highest", "users", "probability from", "of them yes", "of all yes", "times the rate")
    return [head, f"{text} Acting on the highest judged users would have reached:", "", *table(heads, cells)]


def _data(facts: Mapping[str, Any]) -> list[str]:
    data, moments = facts["data"], facts["moments"]
    learnt = ", ".join(moment[:10] for moment in moments["learnt"])
    rows = [
        ("lake version", format_cell(facts.get("lake_version"))),
        ("log", f"{data['begins'][:10]} to {data['ends'][:10]}, {data['days']:.0f} days"),
        ("users, events", f"{data['users']:,}, {data['events']:,}"),
        ("learnt at", f"{learnt} ({moments['learnt_examples']:,} examples)"),
        ("calibrated at", f"{moments['calibrated'][:10]} ({moments['calibrated_users']:,} users)"),
        ("judged at", f"{moments['judged'][:10]} ({moments['judged_users']:,} users)"),
        ("horizon", f"{number(moments['horizon_days'], 3)} days"),
    ]
    after = (
        "Features of a moment are of events strictly before it; what came is of the horizon from it on, and no horizon "
        "overlaps the next. What is served was then learnt anew at all moments up to calibration, and calibrated on "
        "the judged horizon."
    )
    return ["## Data and moments", *table(("what", "value"), rows), "", after]


def _families(facts: Mapping[str, Any]) -> list[str]:
    names = list(facts["metrics"][facts["served"]])
    cost = {row["predictor"]: row["fit_cpu_s"] for row in facts.get("families", ())}
    cells = [
        [f"**{family}**" if family == facts["served"] else family, *(with_interval(row[name]) for name in names),
         number(cost.get(family), 3)]
        for family, row in facts["metrics"].items()
    ]  # fmt: skip
    lines = ["## Families", *table(("family", *names, "fit, CPU s"), cells), ""]
    lines += [f"- {name}: {METRICS[name]}." for name in names]
    lines += [f"- Sorted by {DECIDES[facts['kind']]}; served (bold): {facts['served']}, {_why(facts)}."]
    return lines + [f"- Left out: {name}: {why}." for name, why in facts.get("left_out", {}).items()]


def _calibration(facts: Mapping[str, Any]) -> list[str]:
    judged, name = facts["judged"], FILES[facts["kind"]]
    if facts["kind"] == "amount":
        if not judged["deciles"]:
            return []
        scale = number(facts["calibration"].get("scale"), 4)
        cells = [
            [str(row["decile"]), f"{row['count']:,}", number(row["mean_predicted"], 4), _came(row),
             share(row["share_of_sum"])]
            for row in judged["deciles"]
        ]  # fmt: skip
        names = ("tenth", "users", "foretold", "came [95 %]", "of the sum")
        how = f"The factor that makes the sum right, learnt anew on the judged horizon: {scale}."
        return ["## Foretold and came", f"![mean amounts by tenth]({name})", "", *table(names, cells), "", how]
    cells = [
        [f"{number(row['lowest'], 3)} to {number(row['highest'], 3)}", f"{row['count']:,}",
         number(row["mean_probability"], 3),
         with_interval([row["observed_rate"], row["observed_low"], row["observed_high"]])]
        for row in judged["reliability"]
    ]  # fmt: skip
    heads = ("probability", "users", "mean said", "observed rate [95 %]")
    how = f"How scores become probabilities in what is served: {facts['calibration'].get('kind', '-')}."
    return ["## Calibration", f"![reliability]({name})", "", *table(heads, cells), "", how]


def _came(row: Mapping[str, Any]) -> str:
    return with_interval([row["mean_actual"], row["actual_low"], row["actual_high"]])


def _importances(facts: Mapping[str, Any]) -> list[str]:
    found = facts.get("importances") or {}
    head = "## What counts: importances of features"
    if not found:
        return [head, f"The family {facts['served']} does not tell."]
    cells = [[f"`{name}`", share(value)] for name, value in list(found.items())[:15]]
    return [head, *table(("feature", "share"), cells)]


def _made(facts: Mapping[str, Any]) -> list[str]:
    software: Mapping[str, str] = facts.get("software", {})
    made: Sequence[tuple[str, Any]] = (
        ("made at", facts.get("made_at")),
        ("run", facts.get("run")),
        ("settings", facts.get("settings")),
        ("seed", str(facts["seed"])),
        ("software", ", ".join(f"{name} {version}" for name, version in software.items()) or None),
    )
    return ["## Made with", *(f"- **{name}**: {format_cell(value)}" for name, value in made if value is not None)]
