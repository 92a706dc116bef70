"""The code that runs on the nodes. Each task finds and leaves its files in its own working directory."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter

from batchmgr import FinalizeTask, InvalidInputError, WorkloadTask

TEXT_FILE = "text.txt"
COUNTS_FILE = "counts.json"
COUNTS_FOLDER = "counts"
WORDS_FILE = "words.tsv"

logger = logging.getLogger(__name__)


class CountWordsTask(WorkloadTask):
    """Counts the words in one chunk of the text's lines.

    Inputs: `chunk`, from 1, and `chunks`. Reads `TEXT_FILE`; writes `COUNTS_FILE`.
    """

    def run(self) -> None:
        """Count the words. Raise `InvalidInputError`, whose message the user sees, if the text is not UTF-8."""
        directory = self.context.working_directory
        try:
            lines = (directory / TEXT_FILE).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"The text is not UTF-8: {error}") from error
        chunk, chunks = self.inputs["chunk"], self.inputs["chunks"]
        part = lines[len(lines) * (chunk - 1) // chunks : len(lines) * chunk // chunks]
        counts = Counter(re.findall(r"\w+", "\n".join(part).lower()))
        (directory / COUNTS_FILE).write_text(json.dumps(counts), encoding="utf-8")
        logger.info("Counted %d words in %d lines", sum(counts.values()), len(part))


class MergeCountsTask(FinalizeTask):
    """Merges the counts of all chunks that were counted. It also runs if other tasks failed.

    Reads the files in `COUNTS_FOLDER`; writes `WORDS_FILE`.
    """

    def run(self) -> None:
        """Merge the counts. Raise `InvalidInputError` if no chunk was counted."""
        directory = self.context.working_directory
        files = sorted((directory / COUNTS_FOLDER).glob("*.json"))
        if not files:
            raise InvalidInputError("No chunk of the text was counted: there is nothing to merge.")
        total: Counter[str] = Counter()
        for file in files:
            total.update(json.loads(file.read_text(encoding="utf-8")))
        ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
        table = "".join(f"{word}\t{count}\n" for word, count in ordered)
        (directory / WORDS_FILE).write_text(f"word\tcount\n{table}", encoding="utf-8")
