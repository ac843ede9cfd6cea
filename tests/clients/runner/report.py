"""The table client × feature × result, for the terminal and for the README."""

import re
from pathlib import Path

from .program import FEATURES, Run

# Not part of any program so far.
NOT_YET = ["tls"]
BEGIN = "<!-- ci/clients --update-readme writes what follows -->"
END = "<!-- up to here -->"


def table(runs: list[Run], versions: dict[str, str], skipped: dict[str, str]) -> str:
    """Markdown. Whatever is not "ok" has its reason below the table."""
    columns = ["client", "version", "members", *FEATURES, *NOT_YET]
    lines = [row(columns), row(["---"] * len(columns))]
    notes = []
    for run in runs:
        cells = [cell(run.results[feature], f"{run.client}, {feature}", notes) for feature in FEATURES]
        lines.append(row([f"`{run.client}`", versions[run.client], str(run.members), *cells, *["not yet"] * len(NOT_YET)]))
    for client, reason in skipped.items():
        mark = cell(reason, client, notes)
        lines.append(row([f"`{client}`", "", "", *[mark] * len(FEATURES), *["not yet"] * len(NOT_YET)]))
    return "\n".join([*lines, *([""] if notes else []), *notes])


def cell(result: str, where: str, notes: list[str]) -> str:
    """What the table says; appends the reason to the notes unless it is there for the same place."""
    what, _, why = result.partition(": ")
    note = f"* {where}: {what}: {why}"
    if why and note not in notes:
        notes.append(note)
    return what


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def update(readme: Path, text: str):
    """Replaces what is between the two comments."""
    old = readme.read_text()
    new, count = re.subn(
        f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", lambda _: f"{text}\n", old, count=1, flags=re.DOTALL
    )
    if count != 1:
        raise RuntimeError(f"{readme} has no line {BEGIN}")
    readme.write_text(new)
