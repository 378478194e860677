"""When a request has come whole."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from newsfeed.server import framing
from newsfeed.server.framing import Framing, TooLarge

POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"


@given(st.data(), st.binary(max_size=200), st.booleans())
def test_a_request_is_whole_with_its_last_byte_and_not_before(
    data: st.DataObject,
    body: bytes,
    chunked: bool,  # noqa: FBT001
) -> None:
    if chunked:
        cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(body))))) | {0, len(body)})
        parts = [body[a:b] for a, b in pairwise(cuts) if body[a:b]]
        framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        whole = POST + b"Transfer-Encoding: Chunked\r\n\r\n" + framed
    else:
        whole = POST + b"content-length:%d \r\n\r\n%s" % (len(body), body)
    seen, received = Framing(), bytearray()
    for byte in whole[:-1]:
        received.append(byte)
        assert not seen.is_whole(received)
    assert seen.is_whole(received + whole[-1:])
    assert Framing().is_whole(bytearray(whole))


@given(st.lists(st.binary(max_size=20) | st.sampled_from([POST, b"\r\n", b"\r\n\r\n", b"0", b";"])))
def test_no_bytes_can_break_it(pieces: list[bytes]) -> None:
    seen, received = Framing(), bytearray()
    for piece in pieces:
        received += piece
        try:
            if seen.is_whole(received):
                return
        except TooLarge:
            return


def test_its_limit_is_djangos(settings: Any) -> None:
    assert framing.MAX_BODY == settings.DATA_UPLOAD_MAX_MEMORY_SIZE
