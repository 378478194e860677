"""What the proxy does to a connection, seen from both of its ends."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from conftest import free_port
from dev.control import ROOT
from tests.faults.tcp_proxy import MAX_DELAY, Mode

Enter = Callable[[Mode], None]
Connect = Callable[[], tuple[socket.socket, socket.socket]]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def enter(server: socket.socket, port: int) -> Iterator[Enter]:
    """Tells the proxy what to do from now on."""
    route = f"{port}=127.0.0.1:{server.getsockname()[1]}"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.tcp_proxy", route],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def tell(mode: Mode) -> None:
            stdin.write(f"{port} {mode}\n")
            stdin.flush()
            assert stdout.readline() == f"{port} {mode}\n"

        tell(Mode.PASS)
        yield tell


@pytest.fixture
def connect(server: socket.socket, port: int, enter: Enter) -> Iterator[Connect]:
    """Both ends of a new connection: the client's and the server's."""
    with ExitStack() as ends:

        def run() -> tuple[socket.socket, socket.socket]:
            client = ends.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            accepted = ends.enter_context(server.accept()[0])
            accepted.settimeout(5)
            return client, accepted

        yield run


def _passes(one: socket.socket, other: socket.socket) -> bool:
    one.sendall(b"there?")
    return other.recv(100) == b"there?"


def _is_silent(end: socket.socket) -> bool:
    end.settimeout(0.3)
    with pytest.raises(TimeoutError):
        end.recv(100)
    end.settimeout(5)
    return True


def test_it_passes_on_both_ways_and_an_end(connect: Connect) -> None:
    client, server = connect()
    assert _passes(client, server)
    assert _passes(server, client)
    client.close()
    assert server.recv(100) == b""


def test_it_refuses_and_resets_who_was_there(connect: Connect, enter: Enter) -> None:
    client, server = connect()
    enter(Mode.REFUSE)
    for end in (client, server):
        with pytest.raises(ConnectionResetError):
            end.recv(100)
    with pytest.raises(ConnectionRefusedError):
        connect()
    enter(Mode.PASS)
    assert _passes(*connect())


def test_who_lost_a_byte_to_it_is_cut_off_for_good_and_not_told(
    connect: Connect, enter: Enter
) -> None:
    quiet, talks = connect(), connect()
    enter(Mode.SWALLOW)
    talks[0].sendall(b"lost")
    assert _is_silent(talks[1])
    enter(Mode.PASS)
    talks[0].sendall(b"lost too")
    assert _is_silent(talks[1])
    assert _is_silent(talks[0])
    assert _passes(*quiet)
    assert _passes(*connect())


def test_it_cuts_a_piece_in_half_and_resets(connect: Connect, enter: Enter) -> None:
    enter(Mode.RESET)
    client, server = connect()
    client.sendall(b"0123456789")
    whole = 0
    while (piece := server.recv(100)) == b"0123456789" and whole < 1_000:
        client.sendall(piece)
        whole += 1
    assert piece == b"01234"
    for end in (client, server):
        with pytest.raises(ConnectionResetError):
            end.recv(100)
    enter(Mode.PASS)
    assert _passes(*connect())


def test_it_delays_and_keeps_the_order(connect: Connect, enter: Enter) -> None:
    enter(Mode.DELAY)
    client, server = connect()
    received, began = b"", time.monotonic()
    for number in range(10):
        client.sendall(b"%d" % number)
        time.sleep(0.02)
    while len(received) < 10:
        received += server.recv(100)
    assert received == b"0123456789"
    assert 0.2 < time.monotonic() - began < 10 * MAX_DELAY + 30
