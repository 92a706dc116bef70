"""Prints the demo's outcome: the callback, the commonest k-mers, and the files of the results."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

KMER_TABLE = "kmers.tsv"
PLOT = "genome_kmers.png"

_ROWS = 10


def print_callback(console: Console, body: Mapping[str, Any]) -> None:
    """Print the callback's body, indented."""
    _heading(console, "Callback received: the body of Azure Data Factory's WebHook contract")
    console.print_json(json.dumps(body))


def print_results(console: Console, files: Sequence[Path]) -> None:
    """Print the commonest k-mers and every downloaded file."""
    by_name = {file.name: file for file in files}
    _heading(console, "Results")
    if table := by_name.get(KMER_TABLE):
        console.print(_kmer_table(table))
        console.print()
    for file in files:
        console.print(f" {'plot' if file.name == PLOT else 'file'}  {file}", soft_wrap=True)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.rule(text, align="left", style="dim")


def _kmer_table(path: Path) -> Table:
    with path.open(newline="") as lines:
        rows = [row for row, _ in zip(csv.DictReader(lines, delimiter="\t"), range(_ROWS), strict=False)]
    table = Table("k-mer", title=f"The {len(rows)} commonest k-mers", title_justify="left", box=None)
    table.add_column("count", justify="right")
    table.add_column("frequency", justify="right")
    for row in rows:
        table.add_row(row["kmer"], f"{int(row['count']):,}", f"{float(row['frequency']):.3%}")
    return table
