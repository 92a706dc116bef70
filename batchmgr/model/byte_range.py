"""Which bytes of a file an answer has: those that a `Range` header asks for, up to a limit (RFC 9110)."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(?:(?P<first>\d{1,18})-(?P<last>\d{0,18})|-(?P<end>\d{1,18}))", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ByteRange:
    """The bytes from `start` up to, and without, `end` of a file of `size` bytes.

    `is_part`: they are answered as a part of the file, because they were asked for or are not all of it.
    """

    start: int
    end: int
    size: int
    is_part: bool = True

    @property
    def content_range(self) -> str:
        """Return the value of the header `Content-Range`."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def byte_range(header: str, size: int, most: int) -> ByteRange | None:
    """Return the bytes to answer with, `most` of them at most; None if the file has none of those asked for.

    A header that makes no sense is ignored, as is one with several ranges. Of a long end of a file, the last
    bytes are returned; of any other long part, the first. The end of an empty file is all of it.

    >>> byte_range("bytes=2-", 10, 5)
    ByteRange(start=2, end=7, size=10, is_part=True)
    >>> byte_range("bytes=-3", 10, 5), byte_range("bytes=10-", 10, 5)
    (ByteRange(start=7, end=10, size=10, is_part=True), None)
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return ByteRange(start=0, end=min(size, most), size=size, is_part=size > most)
    if match["end"] is not None:
        length = min(int(match["end"]), size, most)
        if not int(match["end"]):
            return None
        return ByteRange(start=size - length, end=size, size=size, is_part=size > 0)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else first + most
    if last < first:
        return ByteRange(start=0, end=min(size, most), size=size, is_part=size > most)
    if first >= size:
        return None
    return ByteRange(start=first, end=min(last + 1, size, first + most), size=size)
