"""Tells when a request has arrived whole, so that a thread can read it without waiting.

This decides only when, by RFC 9112 section 6.3. gunicorn's parser reads the same bytes in the
thread and decides what they mean. Where the two disagree, a thread waits, within its deadline.
"""

import re

MAX_HEAD = 64 * 1024
"""Bytes of a request line and all header fields. gunicorn would take 800 KiB."""
MAX_LINE = 8190
"""Bytes of a request line, or of the line before a chunk: gunicorn's own limit. It refuses a longer
one before its end has come."""
MAX_BODY = 256 * 1024
"""Bytes: Django's DATA_UPLOAD_MAX_MEMORY_SIZE. A body announced as larger is refused unread."""
MAX_CHUNKED = 2 * MAX_BODY
"""Bytes of a body, the sizes of its chunks included."""

_END = b"\r\n\r\n"
_lone_line_feed = re.compile(rb"(?<!\r)\n")
_length = re.compile(rb"\r\ncontent-length:[ \t]*0*([0-9]{1,18})[ \t]*\r\n")
_chunked = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked")
_continue = re.compile(rb"\r\nexpect:[ \t]*100-continue")
_chunk_size = re.compile(rb"([0-9a-fA-F]+)[ \t]*(?:;[^\r\n]*)?\r\n")


class TooLarge(Exception):
    """`status` is 413 for a body, 431 for a head."""

    def __init__(self, status: int) -> None:
        self.status = status


class Framing:
    """Of one request. Each byte is looked at once, however slowly they come."""

    def __init__(self) -> None:
        self.wants_continue = False
        """The client waits for `100 Continue` before it sends the body."""
        self._seen = 0
        self._end: int | None = None
        self._next_chunk: int | None = None

    def is_whole(self, data: bytearray) -> bool:
        """Whether there is no need to wait for more. Raises TooLarge."""
        if self._end is None and self._next_chunk is None and self._reads_head(data):
            return True
        if self._end is not None:
            return len(data) >= self._end
        return self._next_chunk is not None and self._reads_chunks(data, self._next_chunk)

    def _reads_head(self, data: bytearray) -> bool:
        """Whether the head tells that nothing follows, or that the parser will refuse it."""
        begun, self._seen = max(0, self._seen - len(_END)), len(data)
        end = data.find(_END, begun)
        if end < 0:
            if len(data) > MAX_HEAD:
                raise TooLarge(431)
            line_is_long = len(data) > MAX_LINE + 2 and b"\r\n" not in data[: MAX_LINE + 2]
            return line_is_long or _lone_line_feed.search(data, begun) is not None
        head, body = bytes(data[: end + 2]).lower(), end + len(_END)
        self.wants_continue = _continue.search(head) is not None
        if _chunked.search(head):
            self._next_chunk = body
            return False
        length = _length.search(head)
        if not length or int(length[1]) > MAX_BODY:
            return True
        self._end = body + int(length[1])
        return False

    def _reads_chunks(self, data: bytearray, at: int) -> bool:
        while at < len(data):
            size = _chunk_size.match(data, at)
            if not size:
                # Its end may be on its way. A malformed line is for the parser to refuse.
                return b"\r\n" in data[at : at + MAX_LINE] or len(data) - at > MAX_LINE
            if not int(size[1], 16):
                return self._reads_trailers(data, size.end())
            at = self._next_chunk = size.end() + int(size[1], 16) + 2
            if at > MAX_CHUNKED:
                raise TooLarge(413)
        return False

    def _reads_trailers(self, data: bytearray, at: int) -> bool:
        if len(data) - at > MAX_HEAD:
            raise TooLarge(431)
        return data.startswith(b"\r\n", at) or data.find(_END, at) >= 0
