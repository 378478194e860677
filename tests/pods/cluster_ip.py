"""A Service as kube-proxy makes it: who connects gets one of its pods, and keeps it."""

import asyncio
import random
from contextlib import suppress
from threading import Thread
from typing import Self

from conftest import free_port

PIECE = 64 * 1024


class ClusterIP:
    """`endpoints` are ports; who takes one out leaves the connections there as they are."""

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoints: list[int] = []
        self._links: set[asyncio.Task[None]] = set()
        """The loop itself holds its tasks so loosely that a collection may take one away."""
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        start = asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self._server = self._loop.run_until_complete(start)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = self._loop.create_task(self._serve(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            port = random.choice(self.endpoints)  # noqa: S311
            from_pod, to_pod = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, IndexError):  # as when nobody listens there
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, to_pod), _pump(from_pod, writer))
        finally:
            for end in (writer, to_pod):
                end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each direction ends by itself, as on a wire."""
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
