"""The W3C trace context of a job: a `traceparent`, which says in which trace the job is.

Source: https://www.w3.org/TR/trace-context/
"""

import re

HEADER = "traceparent"

_PATTERN = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<rest>-.*)?"
)


def valid_traceparent(text: str) -> str:
    """Return the text as version 00 if it is a `traceparent`, else nothing: no job fails because of it."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None or (match["version"] == "00" and match["rest"]):
        return ""
    if not match["trace"].strip("0") or not match["span"].strip("0"):
        return ""
    return f"00-{match['trace']}-{match['span']}-{match['flags']}"
