"""Command lines with placeholders, filled in so that a value is never more than it should be.

Azure Batch on Linux starts a command without a shell: it splits the line into words, by a POSIX shell's rules
of quoting. So a value is kept within its word, however it is written. That alone does not do for a word that
some program reads as a script, as in `sh -c 'gzip {0}'`: a blob named `a;reboot` would be run. Therefore

- placeholders stand outside of quotes, since what is in quotes is a script more often than not;
- a word that a shell or Python is given as a script holds no placeholder;
- a value from outside is not the name of the program, nor does it begin with `-` where it begins a word,
  which programs read as an option.

What a program does with its arguments is its own affair: `ssh` and `eval` run them as a script.
"""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from batchmgr.errors import InvalidJobError
from batchmgr.factories.text_template import Parts, Placeholder, TextTemplate

_WORD = re.compile(r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^ \t\r\n'"\\])+""", re.DOTALL)
_PIECE = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^'"\\]+""", re.DOTALL)
_INTERPRETER = re.compile(r"(?:.*/)?(?:sh|bash|dash|ash|ksh|mksh|zsh|csh|tcsh|fish|python[0-9.]*)", re.DOTALL)
_WITH_ARGUMENT = ("--rcfile", "--init-file")
_INSTEAD = "pass it as an argument behind the script, as in /bin/sh -c 'gzip \"$1\"' sh {}"


@dataclass(frozen=True, kw_only=True)
class _Word:
    """A word of the template: as it was written (`raw`), if it has no placeholder; its parts, unquoted."""

    raw: str
    parts: Parts

    @property
    def placeholder(self) -> Placeholder | None:
        return next((part for part in self.parts if isinstance(part, Placeholder)), None)

    @property
    def start(self) -> str:
        """What the word certainly begins with."""
        return self.parts[0] if self.parts and isinstance(self.parts[0], str) else ""


@dataclass(frozen=True)
class CommandTemplate:
    """A command line to fill in.

    >>> template = CommandTemplate.parse("wc -l in/{0}", ["0"], field="commandLine")
    >>> template.fill({"0": "a; reboot.txt"})
    "wc -l 'in/a; reboot.txt'"
    """

    words: tuple[_Word, ...]
    field: str
    from_outside: bool

    @classmethod
    def parse(
        cls, text: str, names: Collection[str], *, field: str, from_outside: bool = False
    ) -> "CommandTemplate":
        """The template that a command line is. Raises InvalidJobError for placeholders that are not safe.

        With `from_outside`, the values are somebody else's, such as the names of blobs.
        """
        try:
            shlex.split(text)
        except ValueError as error:
            reason = str(error)
            raise InvalidJobError(f"can't be split: {reason[0].lower()}{reason[1:]}", field=field) from error
        words = tuple(_word(raw, names, field) for raw in _WORD.findall(text))
        _check_scripts(words, field)
        if from_outside and words and words[0].placeholder is not None and not words[0].start:
            raise InvalidJobError(
                f"{words[0].placeholder} would be the program's name; write ./{words[0].placeholder}",
                field=field,
            )
        return cls(words, field, from_outside)

    def fill(self, values: Mapping[str, str]) -> str:
        """The command line with these values, each within its word."""
        return " ".join(
            word.raw if word.placeholder is None else self._filled(word, values) for word in self.words
        )

    def _filled(self, word: _Word, values: Mapping[str, str]) -> str:
        text = TextTemplate(word.parts).fill(values)
        if self.from_outside and text.startswith("-") and not word.start:
            raise InvalidJobError(
                f"{text!r} would be read as an option; write ./{word.placeholder}", field=self.field
            )
        return shlex.quote(text)


def _word(raw: str, names: Collection[str], field: str) -> _Word:
    parts: list[str | Placeholder] = []
    literal = ""
    for piece in _PIECE.findall(raw):
        if piece[0] == "\\":
            parts.append(piece[1])
            literal += piece
            continue
        template = TextTemplate.parse(piece, names, field=field)
        quoted = piece[0] in "'\""
        if quoted and template.placeholders:
            place = template.placeholders[0]
            raise InvalidJobError(
                f"{place} is in quotes, where its value could become part of a script. Values are quoted by "
                f"themselves: leave the quotes out. For a script, {_INSTEAD.format(place)}",
                field=field,
            )
        parts += shlex.split(template.fill({})) if quoted else template.parts
        literal += "" if template.placeholders else template.fill({})
    return _Word(raw=literal, parts=tuple(parts))


def _check_scripts(words: Sequence[_Word], field: str) -> None:
    for index, word in enumerate(words):
        if word.placeholder is None and _INTERPRETER.fullmatch("".join(map(str, word.parts))):
            place = _placeholder_in_script(words[index + 1 :])
            if place is not None:
                raise InvalidJobError(
                    f"{place} would become part of a script: {_INSTEAD.format(place)}", field=field
                )


def _placeholder_in_script(arguments: Sequence[_Word]) -> Placeholder | None:
    """The placeholder, if any, in the options of a shell, or in the script that they say is there (`-c`)."""
    has_script = is_argument = are_over = False
    for word in arguments:
        if is_argument:
            is_argument = False
        elif word.start[:1] not in {"-", "+"} or are_over:
            return word.placeholder if has_script else None
        elif word.placeholder is not None:
            return word.placeholder
        elif word.start == "--":
            are_over = True
        elif word.start in _WITH_ARGUMENT:
            is_argument = True
        elif not word.start.startswith("--"):
            has_script = has_script or "c" in word.start
            is_argument = "o" in word.start.lower()
    return None
