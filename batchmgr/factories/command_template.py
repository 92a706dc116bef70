"""Command lines with placeholders. A value always stays one argument, or part of one argument.

Azure Batch on Linux starts a command without a shell. It splits the line into words by the quoting rules of
a POSIX shell. So each value is quoted, and stays within its word. That is not enough if a program reads the
word as a script, as in `sh -c 'gzip {0}'`: a blob named `a;reboot` would be run. So these are rejected:

- a placeholder inside quotes, because quoted text is usually a script;
- a placeholder in a word that a shell or Python takes as a script;
- an untrusted value as the name of the program, or one that begins with `-` at the start of a word, because
  programs read that as an option.

What a program does with its arguments is not checked: `ssh` and `eval` run them as a script.
"""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from batchmgr.errors import InvalidJobError
from batchmgr.factories.text_template import Parts, Placeholder, TextTemplate

MAX_TEMPLATE = 128 * 1024
"""How many characters a command line with placeholders may have. `shlex` takes minutes for a megabyte."""

_WORD = re.compile(r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^ \t\r\n'"\\])+""", re.DOTALL)
_PIECE = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^'"\\]+""", re.DOTALL)
_INTERPRETER = re.compile(r"(?:.*/)?(?:sh|bash|dash|ash|ksh|mksh|zsh|csh|tcsh|fish|python[0-9.]*)", re.DOTALL)
_WITH_ARGUMENT = ("--rcfile", "--init-file")
_INSTEAD = "pass it as an argument after the script, as in /bin/sh -c 'gzip \"$1\"' sh {}"


@dataclass(frozen=True, kw_only=True)
class _Word:
    """A word of the template. `raw` is the word as written if it has no placeholder; `text` is unquoted."""

    raw: str
    text: TextTemplate
    placeholder: Placeholder | None

    @property
    def parts(self) -> Parts:
        return self.text.parts

    @property
    def start(self) -> str:
        """Return the text before the first placeholder."""
        return self.parts[0] if self.parts and isinstance(self.parts[0], str) else ""


@dataclass(frozen=True)
class CommandTemplate:
    """A command line with placeholders, parsed.

    >>> template = CommandTemplate.parse("wc -l in/{0}", ["0"], field="commandLine")
    >>> template.fill({"0": "a; reboot.txt"})
    "wc -l 'in/a; reboot.txt'"
    """

    words: tuple[_Word, ...]
    field: str
    untrusted: bool

    @classmethod
    def parse(
        cls, text: str, names: Collection[str], *, field: str, untrusted: bool = False
    ) -> "CommandTemplate":
        """Return the template of a command line. Raise InvalidJobError for placeholders that are not safe.

        `untrusted`: the values come from outside and are not checked, such as the names of blobs.
        """
        if len(text) > MAX_TEMPLATE:
            raise InvalidJobError(
                f"has {len(text):,} characters; the command line of a repeatTask may have {MAX_TEMPLATE:,}: "
                "put the script in a file and name it in inputFiles",
                field=field,
            )
        try:
            shlex.split(text)
        except ValueError as error:
            reason = str(error)
            raise InvalidJobError(
                f"can't be split into words: {reason[0].lower()}{reason[1:]}", field=field
            ) from error
        words = tuple(_word(raw, names, field) for raw in _WORD.findall(text))
        _check_scripts(words, field)
        if untrusted and words and words[0].placeholder is not None and not words[0].start:
            raise InvalidJobError(
                f"{words[0].placeholder} would be the name of the program: write ./{words[0].placeholder}",
                field=field,
            )
        return cls(words, field, untrusted)

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the command line with these values, each quoted within its word.

        Raise InvalidJobError if an untrusted value would be read as an option.
        """
        return self._format % tuple([self._fill_word(word, values) for word in self._open_words])

    @cached_property
    def _open_words(self) -> tuple[_Word, ...]:
        return tuple(word for word in self.words if word.placeholder is not None)

    @cached_property
    def _format(self) -> str:
        """Return the line for the operator `%`, with `%s` for each of the `_open_words`."""
        return " ".join(
            word.raw.replace("%", "%%") if word.placeholder is None else "%s" for word in self.words
        )

    def _fill_word(self, word: _Word, values: Mapping[str, str]) -> str:
        text = word.text.fill(values)
        if self.untrusted and text.startswith("-") and not word.start:
            raise InvalidJobError(
                f"{text!r} would be read as an option: write ./{word.placeholder}", field=self.field
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
                f"{place} is in quotes, where its value could become part of a script: remove the quotes, "
                f"since values are quoted automatically. To use it in a script, {_INSTEAD.format(place)}",
                field=field,
            )
        parts += shlex.split(template.fill({})) if quoted else template.parts
        literal += "" if template.placeholders else template.fill({})
    text = TextTemplate(tuple(parts))
    return _Word(raw=literal, text=text, placeholder=next(iter(text.placeholders), None))


def _check_scripts(words: Sequence[_Word], field: str) -> None:
    for index, word in enumerate(words):
        if word.placeholder is None and _INTERPRETER.fullmatch("".join(map(str, word.parts))):
            place = _placeholder_in_script(words[index + 1 :])
            if place is not None:
                raise InvalidJobError(
                    f"{place} would become part of a script: {_INSTEAD.format(place)}", field=field
                )


def _placeholder_in_script(arguments: Sequence[_Word]) -> Placeholder | None:
    """Return the placeholder in an interpreter's options, or in the script after `-c`, if there is one."""
    has_script = is_argument = options_ended = False
    for word in arguments:
        if is_argument:
            is_argument = False
        elif word.start[:1] not in {"-", "+"} or options_ended:
            return word.placeholder if has_script else None
        elif word.placeholder is not None:
            return word.placeholder
        elif word.start == "--":
            options_ended = True
        elif word.start in _WITH_ARGUMENT:
            is_argument = True
        elif not word.start.startswith("--"):
            has_script = has_script or "c" in word.start
            is_argument = "o" in word.start.lower()
    return None
