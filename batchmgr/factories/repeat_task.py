"""The `repeatTask` of a task factory: a template that is filled in once for each row of values."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from batchmgr.errors import InvalidJobError
from batchmgr.factories.command_template import CommandTemplate
from batchmgr.factories.text_template import TextTemplate
from batchmgr.factories.typical_values import is_plain
from batchmgr.plan.container_rules import chooses_container
from batchmgr.plan.file_specifications import (
    WILDCARDS,
    InputFileSpecification,
    OutputFileSpecification,
)
from batchmgr.plan.frozen_dataclass import replaced
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.wire.task_message import InputFileMessage, OutputFileMessage, TaskTemplate
from batchmgr.wire.task_plans import plan_task

FILE_TEXTS = {
    "target_file_path": "targetFilePath",
    "source_blob_path": "sourceBlobPath",
    "http_url": "httpUrl",
    "source_file_path": "sourceFilePath",
    "target_blob_path": "targetBlobPath",
}
"""The fields of input and output files that may hold placeholders, with their names in the message."""

Texts = Mapping[str, TextTemplate]


@dataclass(frozen=True, kw_only=True)
class _File:
    """A file of the template: as it is for every task, and the texts of it that hold placeholders."""

    shared: Any
    texts: Texts

    def fill(self, values: Mapping[str, str]) -> Any:
        if not self.texts:
            return self.shared
        return replaced(self.shared, {name: text.fill(values) for name, text in self.texts.items()})


class RepeatTask:
    """A parsed task template. `problems` holds what is wrong with it, each with its field.

    `names` are the known placeholders. `untrusted`: their values come from outside and are not checked, such
    as the names of blobs. `job_id` is the job of the tasks, and `is_awaited` says whether another task waits
    for each of them.
    """

    def __init__(
        self,
        template: TaskTemplate,
        names: Collection[str],
        *,
        field: str,
        untrusted: bool = False,
        job_id: str = "",
        is_awaited: bool = False,
    ) -> None:
        self.problems: list[InvalidJobError] = []
        self._names = names
        self._field = field
        self._untrusted = untrusted
        self._command = self._parse_command(template.command_line)
        self._display_name = self._parse(template.display_name, "displayName")
        environment = {
            name: self._parse(value, f"environment.{name}") for name, value in template.environment.items()
        }
        self._environment = {name: text for name, text in environment.items() if text.placeholders}
        planned = plan_task(job_id, template.as_task(""))
        self._inputs = [
            self._parse_file(file, plan, f"inputFiles[{index}]")
            for index, (file, plan) in enumerate(zip(template.input_files, planned.input_files, strict=True))
        ]
        self._outputs = [
            self._parse_file(file, plan, f"outputFiles[{index}]")
            for index, (file, plan) in enumerate(
                zip(template.output_files, planned.output_files, strict=True)
            )
        ]
        fixed = {name: text.fill({}) for name, text in environment.items() if not text.placeholders}
        self._shared = replace(
            planned, environment={**dict.fromkeys(environment, ""), **fixed}, is_leaf=not is_awaited
        )

    def fill(self, task_id: str, values: Mapping[str, str]) -> TaskPlan:
        """Return the task for these values. Raise InvalidJobError, for the first of the `problems` if any."""
        if self.problems or self._command is None:
            raise self.problems[0]
        if self._untrusted:
            self._check_patterns(values)
        variables = {name: text.fill(values) for name, text in self._environment.items()}
        return replaced(
            self._shared,
            {
                "id": task_id,
                "command_line": self._command.fill(values),
                "display_name": self._display_name.fill(values),
                "environment": {**self._shared.environment, **variables},
                "input_files": tuple([file.fill(values) for file in self._inputs]),
                "output_files": tuple([file.fill(values) for file in self._outputs]),
            },
        )

    def check_outputs(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Raise InvalidJobError if the task of one row would overwrite the output file of another."""
        for index, file in enumerate(self._outputs):
            if self.problems or file.shared.is_pattern:
                continue
            path = file.texts.get("target_blob_path", TextTemplate((file.shared.target_blob_path,)))
            self._check_paths(path, rows, f"{self._field}.outputFiles[{index}].targetBlobPath")

    @property
    def is_regular(self) -> bool:
        """Return whether plain values can break no rule on the texts of this template but by their length.

        A value that names a host, a container, a drive or the source of an output file can.
        """
        for file in (*self._inputs, *self._outputs):
            for name, text in file.texts.items():
                start = text.parts[0] if isinstance(text.parts[0], str) else ""
                if name == "source_file_path":
                    return False
                has_identity = bool(file.shared.identity_reference)
                if name == "http_url" and chooses_container(start, has_identity=has_identity):
                    return False
                if name != "http_url" and any(":" in part for part in text.parts if isinstance(part, str)):
                    return False
        return True

    def takes_any(self, value: str) -> bool:
        """Return whether this value can break a rule only by its length, if the template is regular."""
        return is_plain(value) and not (self._untrusted and value.startswith("-"))

    def longest(self, rows: Sequence[Mapping[str, str]]) -> set[int]:
        """Return the places of the rows that make one of the texts longest."""
        combinations = {tuple(sorted(place.name for place in text.placeholders)) for text in self._texts()}
        return {
            max(range(len(rows)), key=lambda row: sum(len(rows[row][name]) for name in names))
            for names in combinations
            if names
        }

    def _texts(self) -> Iterator[TextTemplate]:
        yield from (self._display_name, *self._environment.values())
        for file in (*self._inputs, *self._outputs):
            yield from file.texts.values()
        if self._command is not None:
            yield TextTemplate(tuple(part for word in self._command.words for part in word.parts))

    def _check_paths(self, path: TextTemplate, rows: Sequence[Mapping[str, str]], field: str) -> None:
        if len(set(map(path.fill, rows))) == len(rows):
            return
        writers: dict[str, int] = {}
        for number, values in enumerate(rows, 1):
            text = path.fill(values)
            if (other := writers.setdefault(text, number)) != number:
                raise InvalidJobError(
                    f"tasks {other} and {number} would write the same blob, {text!r}: add placeholders so "
                    "that each task writes a blob of its own",
                    field=field,
                )

    def _check_patterns(self, values: Mapping[str, str]) -> None:
        """Raise InvalidJobError if an untrusted value would bring a wildcard into a source path.

        Azure Batch reads `*`, `?` and `[` in the source path of an output file as wildcards.
        """
        for index, file in enumerate(self._outputs):
            for place in (
                file.texts["source_file_path"].placeholders if "source_file_path" in file.texts else ()
            ):
                if any(letter in values[place.name] for letter in WILDCARDS):
                    raise InvalidJobError(
                        f"{values[place.name]!r} would be read as a pattern: let the task write a file with "
                        f"a fixed name, and use {place} in targetBlobPath",
                        field=f"{self._field}.outputFiles[{index}].sourceFilePath",
                    )

    def _parse_command(self, text: str) -> CommandTemplate | None:
        try:
            return CommandTemplate.parse(
                text, self._names, field=f"{self._field}.commandLine", untrusted=self._untrusted
            )
        except InvalidJobError as error:
            self.problems.append(error)
            return None

    def _parse(self, text: str, field: str) -> TextTemplate:
        try:
            return TextTemplate.parse(text, self._names, field=f"{self._field}.{field}")
        except InvalidJobError as error:
            self.problems.append(error)
            return TextTemplate(())

    def _parse_file(
        self,
        file: InputFileMessage | OutputFileMessage,
        plan: InputFileSpecification | OutputFileSpecification,
        field: str,
    ) -> _File:
        texts = {
            name: self._parse(getattr(file, name), f"{field}.{wire_name}")
            for name, wire_name in FILE_TEXTS.items()
            if getattr(file, name, "")
        }
        fixed = {name: text.fill({}) for name, text in texts.items() if not text.placeholders}
        shared = replaced(plan, fixed)
        _ = shared.need  # found out here, and so for all copies
        return _File(
            shared=shared,
            texts={name: text for name, text in texts.items() if text.placeholders},
        )
