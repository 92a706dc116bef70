"""The commands of a document."""

import re


def steps(readme: str) -> list[tuple[str, str]]:
    """Return the kind of each step, which is empty for a plain one, and its commands."""
    blocks = re.findall(r"^```sh ?([\w-]*)\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    return [(str(kind), str(commands)) for kind, commands in blocks]
