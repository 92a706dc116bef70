"""The path patterns of blob triggers, such as `invoices/{year}/{name}.json`."""

import re
from dataclasses import dataclass

from functions_host.errors import ConfigurationError

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class BlobPathPattern:
    """A container and a pattern of blob names."""

    container: str
    prefix: str
    """The fixed text that every matching blob name starts with."""
    expression: re.Pattern[str]

    @classmethod
    def parse(cls, path: str) -> "BlobPathPattern":
        """Parse `container`, `container/name` or `container/{name}`. Raises ConfigurationError for others."""
        container, _, name = path.partition("/")
        if not container or "{" in container:
            raise ConfigurationError(f"blob path '{path}' must start with the name of a container")
        pieces = _PARAMETER.split(name or "{name}")
        if any("{" in literal or "}" in literal for literal in pieces[::2]):
            raise ConfigurationError(f"blob path '{path}' has an unclosed parameter")
        # Every second piece is a parameter. Parameters also match `/`, as in the real host.
        expression = "".join(
            f"(?P<{piece}>.+)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)
        )
        return cls(container=container, prefix=pieces[0], expression=re.compile(expression, re.DOTALL))

    def match(self, blob: str) -> dict[str, str] | None:
        """Return the parameters in a blob name, or None if the name does not match."""
        match = self.expression.fullmatch(blob)
        return match.groupdict() if match else None
