"""JSON text in the format in which Azure Batch writes it."""

from json.encoder import encode_basestring_ascii
from typing import Any

_LITERALS = {None: "null", True: "true", False: "false"}


def to_json_text(value: Any, margin: str = "") -> str:
    """Return the JSON text of a value.

    Lines break only after an opening bracket and before a closing one. They end with CR LF.

    `margin` is the indentation of the line on which the value starts.
    """
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    inner = margin + "  "
    if isinstance(value, dict):
        # Most members are strings. They are written inline, without another call of this function.
        members = ",".join(
            [
                f"{encode_basestring_ascii(key)}:"
                f"{encode_basestring_ascii(item) if type(item) is str else to_json_text(item, inner)}"
                for key, item in value.items()
            ]
        )
        return f"{{\r\n{inner}{members}\r\n{margin}}}"
    if isinstance(value, list | tuple):
        items = ",".join([to_json_text(item, inner) for item in value])
        return f"[\r\n{inner}{items}\r\n{margin}]"
    if value is None or isinstance(value, bool):
        return _LITERALS[value]
    return repr(value)
