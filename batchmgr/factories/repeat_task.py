"""The `repeatTask` of a task factory: a template that is filled in once for each row of values."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from msgspec.structs import replace

from batchmgr.errors import InvalidJobError
from batchmgr.factories.command_template import CommandTemplate
from batchmgr.factories.text_template import TextTemplate
from batchmgr.wire.task_message import InputFileMessage, OutputFileMessage, TaskMessage, TaskTemplate

FILE_TEXTS = {
    "target_file_path": "targetFilePath",
    "source_blob_path": "sourceBlobPath",
    "http_url": "httpUrl",
    "source_file_path": "sourceFilePath",
    "target_blob_path": "targetBlobPath",
}
"""The fields of input and output files that may hold placeholders, with their names in the message."""

File = TypeVar("File", InputFileMessage, OutputFileMessage)
Texts = Mapping[str, TextTemplate]


class RepeatTask:
    """A parsed task template. `problems` holds what is wrong with it, each with its field.

    `names` are the known placeholders. `untrusted`: their values come from outside and are not checked, such
    as the names of blobs.
    """

    def __init__(
        self, template: TaskTemplate, names: Collection[str], *, field: str, untrusted: bool = False
    ) -> None:
        self.problems: list[InvalidJobError] = []
        self._template = template
        self._names = names
        self._field = field
        self._untrusted = untrusted
        self._command = self._parse_command(template.command_line)
        self._display_name = self._parse(template.display_name, "displayName")
        self._environment = {
            name: self._parse(value, f"environment.{name}") for name, value in template.environment.items()
        }
        self._inputs = [
            self._parse_file(file, f"inputFiles[{index}]") for index, file in enumerate(template.input_files)
        ]
        self._outputs = [
            self._parse_file(file, f"outputFiles[{index}]")
            for index, file in enumerate(template.output_files)
        ]

    def fill(self, task_id: str, values: Mapping[str, str]) -> TaskMessage:
        """Return the task for these values. Raise InvalidJobError, for the first of the `problems` if any."""
        if self.problems or self._command is None:
            raise self.problems[0]
        for index, (_, texts) in enumerate(self._outputs):
            self._check_pattern(texts, values, f"{self._field}.outputFiles[{index}].sourceFilePath")
        filled = replace(
            self._template,
            command_line=self._command.fill(values),
            display_name=self._display_name.fill(values),
            environment={name: text.fill(values) for name, text in self._environment.items()},
            input_files=tuple(_fill_file(file, texts, values) for file, texts in self._inputs),
            output_files=tuple(_fill_file(file, texts, values) for file, texts in self._outputs),
        )
        return filled.as_task(task_id)

    def _check_pattern(self, texts: Texts, values: Mapping[str, str], field: str) -> None:
        """Raise InvalidJobError if an untrusted value would bring a wildcard into a source path.

        Azure Batch reads `*`, `?` and `[` in the source path of an output file as wildcards.
        """
        if not (self._untrusted and "source_file_path" in texts):
            return
        for place in texts["source_file_path"].placeholders:
            if any(letter in values[place.name] for letter in "*?["):
                raise InvalidJobError(
                    f"{values[place.name]!r} would be read as a pattern: let the task write a file with a "
                    f"fixed name, and use {place} in targetBlobPath",
                    field=field,
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

    def _parse_file(self, file: File, field: str) -> tuple[File, Texts]:
        texts = {
            name: self._parse(getattr(file, name), f"{field}.{wire_name}")
            for name, wire_name in FILE_TEXTS.items()
            if getattr(file, name, "")
        }
        return file, texts


def _fill_file(file: File, texts: Texts, values: Mapping[str, str]) -> File:
    return replace(file, **{name: text.fill(values) for name, text in texts.items()})
