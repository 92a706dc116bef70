"""Command lines that only a shell would understand."""

import doctest

import pytest

from batchmgr.plan import shell_signs as module
from batchmgr.plan.shell_signs import shell_signs


def test_examples() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("command", "signs"),
    [
        ("make && ./run", ["&&"]),
        ("./run || true", ["||"]),
        ("./run; ./again", [";"]),
        ("./run >out.txt 2>err.txt", [">", "2>"]),
        ("./run >> out.txt", [">>"]),
        ("./run < in.txt", ["<"]),
        ("./run &", ["&"]),
        ("cat a | wc | sort", ["|"]),
        ("echo $HOME ${USER}", ["$HOME", "${USER}"]),
        ("echo $(date) `date`", ["$(", "`"]),
        ("python -c 'import os; print(1 > 2)'", []),
        ('python -c "print(1 > 2)"', []),
        ('echo "$HOME and `date`"', ["$HOME", "`"]),
        ("echo '$HOME'", []),
        (r"echo \$HOME \> x", []),
        ("echo %PATH% %Y%m%d", ["%PATH%"]),
        ("/bin/bash -c 'a && b'", []),
        ('/bin/bash -c "a && b > $X"', []),
        ("cmd /c dir > files.txt", []),
        ("env A=1 timeout 5 sh -c 'a | b'", []),
        ("pip install numpy>=2 scipy", []),
        ("curl -o x https://a.example/?a=1&b=2", []),
        ("grep a|b file", []),
        ("sed s;a;b; file", [";"]),
        ("awk {print$1}", []),
        ("price 5$", []),
        ("", []),
        ("\\", []),
        ("'", []),
    ],
)
def test_signs(command: str, signs: list[str]) -> None:
    assert shell_signs(command) == signs
