"""Filling in command lines: a value always stays one argument, or part of one argument."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import InvalidJobError
from batchmgr.factories.command_template import CommandTemplate

NASTY = (
    "a;touch mark;.txt",
    "$(touch mark)",
    "`touch mark`",
    "it's",
    '"; touch mark; "',
    "'; touch mark; '",
    "a b\tc\nd",
    "\\",
    "*",
    "~",
    "$HOME",
    "a\\'; touch mark #",
    "&& touch mark",
    "| touch mark",
    "> mark",
    "{0}",
    "",
    "日本 ✓",
)


def fill(template: str, value: str, *, untrusted: bool = False) -> str:
    parsed = CommandTemplate.parse(template, ["0", "x"], field="commandLine", untrusted=untrusted)
    return parsed.fill({"0": value, "x": value})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("wc -l {0}", ["wc", "-l", "VALUE"]),
        ("wc {0} {x} in/{0}.txt --name={x}", ["wc", "VALUE", "VALUE", "in/VALUE.txt", "--name=VALUE"]),
        ("x 'a b'/{0}/\"c d\"", ["x", "a b/VALUE/c d"]),
        ("x a\\ b{0}", ["x", "a bVALUE"]),
        ("awk '{{print $1}}' {0}", ["awk", "{print $1}", "VALUE"]),
        ("x {{0}} {{{0}}}", ["x", "{0}", "{VALUE}"]),
        ("x '' {0}", ["x", "", "VALUE"]),
        ("x \\{0\\} \"\\$ \\\"\" 'it'\\''s' {0}", ["x", "{0}", '\\$ "', "it's", "VALUE"]),
        ("sh run.sh {0} -c {0}", ["sh", "run.sh", "VALUE", "-c", "VALUE"]),
        ("sh {0}", ["sh", "VALUE"]),
        ("python3 -m tool -c {0}", ["python3", "-m", "tool", "-c", "VALUE"]),
        ("solver -c {0}", ["solver", "-c", "VALUE"]),
        (
            "env A=b bash -euo pipefail -c 'gzip \"$1\"' sh {0}",
            ["env", "A=b", "bash", "-euo", "pipefail", "-c"],
        ),
    ],
)
def test_a_value_takes_the_place_of_its_placeholder(template: str, expected: list[str]) -> None:
    for value in NASTY:
        words = shlex.split(fill(template, value))
        assert words[: len(expected)] == [word.replace("VALUE", value) for word in expected]


def test_no_shell_ever_runs_a_value_as_a_script(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text('printf %s "$1"\n')
    templates = [
        "printf %s {0}",
        f"sh {script} {{0}}",
        "/bin/sh -c 'printf %s \"$1\"' sh {0}",
        "env bash -euo pipefail -c 'printf %s \"$@\"' -- {0}",
        "python3 -c 'import sys; sys.stdout.write(sys.argv[1])' {0}",
    ]
    for template in templates:
        for value in NASTY:
            command = shlex.split(fill(template, value))
            ended = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
            assert ended.stdout.decode() == value, template
    assert [path.name for path in tmp_path.iterdir()] == ["run.sh"]


@pytest.mark.parametrize(
    "template",
    [
        "/bin/sh -c 'gzip {0}'",
        '/bin/sh -c "gzip {0}"',
        "x --name='{0}'",
        "sh -c {0}",
        "bash -c -- {0}",
        "bash -ec -- {0}",
        "bash -o pipefail -c {0}",
        "bash -c -o pipefail {0}",
        "bash -ceuo pipefail {0}",
        "bash --rcfile x -c {0}",
        "bash +x -c {0}",
        "sh -c echo\\ {0}",
        "sh -{0} x",
        "sh --{0} x",
        '"/bin/"s\\h -c {0}',
        "timeout 5 env A=b busybox sh -c {0}",
        "sh -c 'exec \"$@\"' sh bash -c {0}",
        "python3.12 -c print({0})",
        "/usr/bin/python -c {0}",
    ],
)
def test_a_placeholder_in_a_script_is_rejected_with_what_to_write_instead(template: str) -> None:
    with pytest.raises(InvalidJobError, match=r"commandLine: \{0\} .* /bin/sh -c 'gzip \"\$1\"' sh \{0\}"):
        fill(template, "1")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("x {1}", r"there is no placeholder {1}: use one of {0}, {x}, or write {{ and }} for braces"),
        ("awk '{print $1}'", r"there is no placeholder {print $1}"),
        ("x {}", r"there is no placeholder {}"),
        ("x {0:0}", r"there is no placeholder {0:0}"),
        ("x {", r"has a single {: write {{"),
        ("x }", r"has a single }: write }}"),
        ("x 'a", "can't be split into words: no closing quotation"),
        ("x \\", "can't be split into words: no escaped character"),
    ],
)
def test_a_template_that_cannot_be_parsed_is_rejected(template: str, reason: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        fill(template, "1")
    assert caught.value.field == "commandLine"
    assert caught.value.reason.startswith(reason)


def test_the_name_of_a_blob_is_never_an_option_or_the_program() -> None:
    with pytest.raises(InvalidJobError, match=r"'-rf' would be read as an option: write \./\{0\}"):
        fill("rm {0}", "-rf", untrusted=True)
    assert shlex.split(fill("rm ./{0}", "-rf", untrusted=True)) == ["rm", "./-rf"]
    assert shlex.split(fill("gcc {0}", "-O2")) == ["gcc", "-O2"]
    with pytest.raises(InvalidJobError, match="would be the name of the program"):
        fill("{0} --help", "reboot", untrusted=True)


def test_numbers_can_be_padded_with_zeros() -> None:
    assert fill("render frame{0:4}.png {x:2}", "7") == "render frame0007.png 07"


QUOTED = st.sampled_from(["'a b'", '"c d"', "\\ ", "'{{'", '"\\""'])
WORD = st.lists(QUOTED | st.sampled_from(["a", "{0}", "{x}", "-c", "sh", "{{", "="]), min_size=1, max_size=4)


@given(words=st.lists(WORD.map("".join), min_size=1, max_size=5), value=st.text(max_size=20))
def test_a_filled_line_has_the_words_of_its_template_for_any_value(words: list[str], value: str) -> None:
    template = " ".join(words)
    try:
        filled = fill(template, value)
    except InvalidJobError:
        return
    marked = shlex.split(template.replace("{{", "\x01").replace("{0}", "\x02").replace("{x}", "\x02"))
    expected = [word.replace("\x02", "\x00").replace("\x01", "{").replace("\x00", value) for word in marked]
    assert shlex.split(filled) == expected
