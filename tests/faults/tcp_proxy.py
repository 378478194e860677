"""TCP proxies that can be told to spoil what goes through them.

python -m tests.faults.tcp_proxy PORT=HOST:PORT...

Each line on stdin, a listening port and a mode, is answered with the same line once it holds. Ends
with stdin. The modes, after Shopify's toxiproxy:

- pass;
- refuse: nobody listens, and who was connected is reset;
- swallow: what comes is thrown away. Connections that lost a byte so are dead for good, and nobody
  tells their ends, as when a firewall forgets them;
- reset: one piece in twenty is cut in half, and its connection reset;
- delay: each piece waits for up to a fifth of a second, in order.
"""

import asyncio
import random
import socket
import struct
import sys
from contextlib import suppress
from enum import StrEnum

PIECE = 64 * 1024
RESET_SHARE = 0.05
MAX_DELAY = 0.2
AT_ONCE = struct.pack("ii", 1, 0)
"""Closing with this linger sends a reset."""


class Mode(StrEnum):
    PASS = "pass"
    REFUSE = "refuse"
    SWALLOW = "swallow"
    RESET = "reset"
    DELAY = "delay"


class Link:
    """One connection of a client, and ours to the server."""

    def __init__(self, proxy: "Proxy", client: asyncio.StreamWriter) -> None:
        self._proxy, self._ends = proxy, [client]
        self._is_dead = False

    async def run(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            from_server, to_server = await asyncio.open_connection(*self._proxy.server)
            self._ends.append(to_server)
            if self._proxy.mode is Mode.REFUSE:  # it began to while this one was made
                self.reset()
            to_client = self._ends[0]
            pumps = [self._pump(reader, to_server), self._pump(from_server, to_client)]
            tasks = [asyncio.create_task(pump) for pump in pumps]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for end in self._ends:
            end.close()

    def reset(self) -> None:
        for end in self._ends:
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            if self._is_dead or self._proxy.mode is Mode.SWALLOW:
                self._is_dead = True
                continue
            if self._proxy.mode is Mode.DELAY:
                await asyncio.sleep(random.uniform(0, MAX_DELAY))  # noqa: S311
            if self._proxy.mode is Mode.RESET and random.random() < RESET_SHARE:  # noqa: S311
                writer.write(piece[: len(piece) // 2])
                await asyncio.sleep(0.01)  # so that the half is on its way
                self.reset()
                return
            writer.write(piece)
            await writer.drain()


class Proxy:
    def __init__(self, port: int, server: tuple[str, int]) -> None:
        self.mode, self.server = Mode.PASS, server
        self._port = port
        self._links: set[Link] = set()
        self._listener: asyncio.Server | None = None

    async def enter(self, mode: Mode) -> None:
        self.mode = mode
        if mode is Mode.REFUSE:
            if self._listener:
                self._listener.close()
            self._listener = None
            for link in self._links:
                link.reset()
        elif not self._listener:
            self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self, writer)
        self._links.add(link)
        try:
            await link.run(reader)
        finally:
            self._links.discard(link)


async def main(*routes: str) -> None:
    proxies: dict[str, Proxy] = {}
    for route in routes:
        port, _, server = route.partition("=")
        host, _, server_port = server.rpartition(":")
        proxies[port] = Proxy(int(port), (host, int(server_port)))
        await proxies[port].enter(Mode.PASS)
    while line := await asyncio.to_thread(sys.stdin.readline):
        port, mode = line.split()
        await proxies[port].enter(Mode(mode))
        print(line, end="", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
