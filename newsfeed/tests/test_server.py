"""The worker of gunicorn.conf.py, with real connections and an application of the test's own."""

import errno
import json
import re
import resource
import socket
import struct
from collections.abc import Iterator
from http.client import HTTPConnection
from unittest.mock import Mock

import pytest
from gunicorn.config import Config
from pytest_django.fixtures import Settings

from newsfeed.server import connection, hooks, worker
from tests.time_limits import SetLimits
from tests.worker import PAGE, PING, THREADS, Server

MANY = 10 * THREADS
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(connection, "KEPT", PAGE)
    server = Server()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /pi",
        b"GET /ping HTTP/1.1\r\nHost: x\r\n",
        POST + b"Content-Length: 60\r\n\r\n{",
        POST + b"Content-Length: 00000000000000000060\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        POST + b"Transfer-Encoding: chunked\r\n\r\n000000005\r\nab",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 2000,
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n",
        b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /ping HTTP/1.0\r\nHost: x\r\n\r\n",  # closed by us, but not by the client
        POST.replace(b"echo", b"ping") + b"Content-Length: 999999999\r\n\r\n",
    ],
)
def test_clients_that_fall_silent_keep_no_thread(server: Server, sent: bytes) -> None:
    silent = [server.open(sent) for _ in range(MANY)]
    # In gunicorn's own worker each of them costs a thread, or the loop, 2 s or more.
    assert all(server.pings() for _ in range(THREADS))
    for one in silent:
        one.close()


@pytest.mark.parametrize("sent", [b"GET /pi", POST + b"Content-Length: 9\r\n\r\n{"])
def test_a_request_that_does_not_come_whole_in_time_is_refused(
    server: Server, sent: bytes, set_limits: SetLimits
) -> None:
    set_limits(client_request=0.2)
    status, body = server.ask(sent)
    assert status == json.loads(body)["status"] == 408
    with server.open() as silent:
        assert silent.recv(99) == b""
    assert server.pings()


def test_an_answer_that_nobody_takes_is_given_up(server: Server, set_limits: SetLimits) -> None:
    set_limits(client_answer=0.2)
    unread = [server.open(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(THREADS)]
    assert [server.ended.get(timeout=30) for _ in unread] == ["/endless"] * THREADS
    assert server.pings()
    for one in unread:
        one.close()


def test_of_too_many_answers_that_nobody_takes_the_oldest_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAX_UNSENT", 2)
    unread = [_unread_page(server) for _ in range(4)]
    assert [_size(one) > PAGE for one in unread] == [False, False, True, True]


def _unread_page(server: Server) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(5)
    client.connect(server.address)
    client.sendall(b"GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert server.ended.get(timeout=30) == "/page"
    return client


def _size(connection: socket.socket) -> int:
    size = 0
    with connection:
        try:
            while data := connection.recv(65536):
                size += len(data)
        except ConnectionResetError:
            pass
    return size


def test_of_too_many_bytes_of_unfinished_requests_the_oldest_go(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAX_RECEIVED", 1000)
    half = POST + b"Content-Length: 900\r\n\r\n" + b"x" * 500
    with server.open(half) as first, server.open(half) as second:
        assert first.recv(99).startswith(b"HTTP/1.1 408 ")
        second.sendall(b"x" * 400)
        assert second.recv(99).startswith(b"HTTP/1.1 200 ")


def test_passwords_wait_for_threads_of_their_own(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_REQUESTS = (b"GET /hash",)
    monkeypatch.setattr(worker, "MAX_PASSWORDS", 9)
    request = PING.replace(b"/ping", b"/hash")
    waiting = [server.open(request) for _ in range(9)]
    assert [server.hashing.get(timeout=30) for _ in range(worker.PASSWORD_THREADS)]
    assert all(server.pings() for _ in range(MANY))
    with server.open(request) as one_more:
        refusal = one_more.makefile("rb").read()
    assert refusal.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in refusal
    assert server.hashing.empty()
    server.may_end.set()
    assert all(one.recv(99).startswith(b"HTTP/1.1 200") for one in waiting)
    for one in waiting:
        one.close()


def test_who_goes_as_the_worker_gives_it_up_does_no_harm(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAX_RECEIVED", 1000)
    first, second = (server.open(POST + b"Content-Length: 900\r\n\r\n") for _ in range(2))
    first.sendall(b"x" * 500)
    first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server.pings()
    with server.paused():  # so that both come in one turn
        second.sendall(b"x" * 600)
        first.close()
    assert server.pings()
    second.close()


def test_a_worker_full_of_silent_clients_gives_up_the_oldest(
    server: Server, set_limits: SetLimits
) -> None:
    set_limits(client_request=999)
    with server.paused():
        server.worker.worker_connections = 9
    silent = [server.open(b"GET /pi") for _ in range(12)]
    assert all(server.pings() for _ in range(MANY))
    assert silent[0].recv(99).startswith(b"HTTP/1.1 408 ")
    for one in silent:
        one.close()


def test_without_a_file_for_another_it_takes_fewer(server: Server) -> None:
    held = [server.open() for _ in range(20)]
    assert server.pings()
    none = Mock(accept=Mock(side_effect=OSError(errno.EMFILE, "too many open files")))
    with server.paused():
        server.worker.accept(none)
    assert 1 < server.worker.worker_connections < 20
    for one in held:
        one.close()
    assert server.pings()


def test_a_process_may_open_a_file_for_each_client() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for before, after in ((1024, min(4096, hard)), (hard, hard)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))
            hooks.allow_files()
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (after, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_comes_byte_by_byte_and_ahead_of_its_turn_is_answered_in_order(
    server: Server,
) -> None:
    chunks = (
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n"
    )
    length = POST + b"Content-Length: 9000\r\n\r\n" + b"fgh" * 3000
    sent = chunks + PING + length + PING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    for step in (1, 7, len(sent)):
        with server.open() as connection:
            for at in range(0, len(sent), step):
                connection.sendall(sent[at : at + step])
            answer = b""
            while data := connection.recv(65536):
                answer += data
        assert re.findall(rb"X-Path: (.*)\r", answer) == [b"/echo", b"/ping"] * 2
        assert b"abcde" in answer
        assert b"fgh" * 3000 in answer


def test_a_body_that_waits_to_be_asked_for_is_asked_for(server: Server) -> None:
    with server.open(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n") as connection:
        assert connection.recv(99) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"abc\r\n0\r\n\r\n")


def test_a_malformed_body_that_nobody_reads_gets_no_second_answer(server: Server) -> None:
    bad = b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n\r\n"
    with server.open(POST.replace(b"echo", b"ping") + bad) as connection:
        assert connection.makefile("rb").read().count(b"HTTP/1.1 ") == 1


def test_the_parser_gets_what_was_received_in_pieces() -> None:
    """It copies the rest of a piece with each chunk of a body."""
    ours, theirs = socket.socketpair()
    with theirs:
        conn = connection.Connection(Config(), connection.ClientSocket(ours), ("", 0), ("", 0))
        conn.received += b"x" * 20_000
        conn.hand_over(1)
        assert [len(conn.parser.unreader.read()) for _ in range(3)] == [8192, 8192, 3616]
        conn.close()


BAD = {
    "GET /" + "x" * 9_000 + " HTTP/1.1\r\n\r\n": 414,
    "GET /" + "x" * 9_000: 414,
    "GET / HTTP/1.1\r\nX: " + "y" * 9_000 + "\r\n\r\n": 431,
    "GET / HTTP/1.1\r\n" + "X: y\r\n" * 101 + "\r\n": 431,
    "GET / HTTP/1.1\r\n" + "X: y\r\n" * 20_000: 431,
    "get / HTTP/1.1\r\n\r\n": 400,
    "GET / HTTP/1.1\n\n": 400,
    "GET / HTTP/9.9\r\n\r\n": 400,
    "nonsense\r\n\r\n": 400,
    "GET / HTTP/1.1\r\nno colon\r\n\r\n": 400,
    "GET / HTTP/1.1\r\nExpect: more\r\n\r\n": 417,
    # RFC 9112 section 6.3: it ought to be refused, and the connection closed.
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n": 400,
    "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd": 400,
    "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n": 400,
    "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n": 400,
    "POST / HTTP/1.1\r\nTransfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n": 501,
    "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n\r\n": 400,
    "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n": 400,
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n": 413,
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + "X: y\r\n" * 20_000: 431,
    "GET /fails HTTP/1.1\r\n\r\n": 500,
}


@pytest.mark.parametrize(("sent", "status"), BAD.items(), ids=range(len(BAD)))
def test_what_cannot_be_read_is_a_problem(server: Server, sent: str, status: int) -> None:
    told, body = server.ask(sent.encode())
    assert told == json.loads(body)["status"] == status


def test_a_connection_is_kept_and_ends_with_the_worker(server: Server) -> None:
    kept = HTTPConnection(server.address[0], server.address[1], timeout=30)
    for _ in range(3):
        kept.request("POST", "/echo", iter([b"abc", b"def"]), encode_chunked=True)
        assert kept.getresponse().read() == b"abcdef"
    with server.open() as silent, server.open() as late:
        server.begin_to_stop()
        late.sendall(PING)
        assert late.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
        assert silent.recv(99) == kept.sock.recv(99) == b""
    kept.close()
