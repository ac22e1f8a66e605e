"""The server: sockets, time, and bounds on what is held at once. One thread answers; another reads whole files,
and a third brings to the disk what was written, which must not wait for a page of a million records.

The rule that keeps it honest: nothing waits for a client. A request that does not arrive in time gets 408. A connection
too many gets 503, and so does a body that has no room beside those being read. Whoever does not read its answers, or
asks faster than it is answered, is not read meanwhile; who reads on is not cut off. Nothing here looks at an address.

It uses the event loop of the standard library: a thread for each connection would cost more than its request, and a
slow client must cost a few bytes and not a thread.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from functools import partial

from .desk import Desk
from .http import BODY_BYTES, TEXT, Answer, Reader, Refusal, Request

CONNECTIONS = 256
# Of bodies that are being read, announced lengths counted in full; and as many of answers that clients do not read.
HELD_BYTES = 64 * 1024 * 1024
REQUEST_SECONDS = 30.0  # from the first byte of a request to its last
IDLE_SECONDS = 15.0  # of a connection without a request, before and between them
READ_BYTES = 32 * 1024  # of waiting answers, to be seen taken in each `IDLE_SECONDS`: 128 KiB show in steps
LINGER_SECONDS = 2.0  # for a client to read why it was refused, before the connection is cut
STOP_SECONDS = 5.0  # for requests that are under way when the server is to stop
_TICK_SECONDS = 1.0  # between two looks at the clock, and between two `sync`s
_MINUTE = len("Fri, 20 Nov 2026 10:30")  # of a date
_BACKLOG = 512
_SENT_BYTES = 64 * 1024  # of answers that the system holds unsent: with its 4 MiB, slow reading shows late


class Server:
    """One listening socket and its connections."""

    def __init__(self, desk: Desk, complain: Callable[[str], None]) -> None:
        self.desk = desk
        self.held = 0
        self.connections: set[Connection] = set()
        self.stopping = False
        self._complain = complain
        self._said: set[str] = set()  # in this minute
        self._pool = ThreadPoolExecutor(1, "collector")
        self.date = ""  # of an answer
        self._syncing: asyncio.Future[None] | None = None
        self._stop = asyncio.Event()
        self.empty = asyncio.Event()  # set when, after `stopping`, no connection is left

    async def serve(self, host: str, port: int, ready: Callable[[str, int], None]) -> None:
        """Answer until `stop`; `ready` is given the address once it listens. Raises `OSError` if it cannot listen."""
        loop = self.loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unexpected)
        server = await loop.create_server(lambda: Connection(self), host, port, backlog=_BACKLOG)
        with contextlib.suppress(AttributeError, OSError):  # not every system has it; SO_SNDBUF would slow far clients
            for one in server.sockets:  # its connections inherit it
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _SENT_BYTES)
        try:
            ready(*server.sockets[0].getsockname()[:2])
            while not self._stop.is_set():
                self._tick()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), _TICK_SECONDS)
        finally:
            server.close()
            await self._end()

    def stop(self) -> None:
        """End `serve` soon. For a signal handler or any thread."""
        self.loop.call_soon_threadsafe(self._stop.set)

    def work(self, work: Callable[[], Answer | None]) -> "asyncio.Future[Answer | None]":
        """Do this in the other thread, which does one work at a time."""
        return self.loop.run_in_executor(self._pool, work)

    def _tick(self) -> None:
        before, self.date = self.date, formatdate(usegmt=True)
        if self.date[:_MINUTE] != before[:_MINUTE]:
            self._said.clear()
        now = self.loop.time()
        for connection in [one for one in self.connections if one.deadline < now]:
            connection.late()
        if self._syncing is None or self._syncing.done():
            try:
                self._syncing = self.loop.run_in_executor(None, self.desk.store.sync())
            except OSError as error:  # no descriptor is left, say; the next second may have one
                self._unsynced(error)
            else:
                self._syncing.add_done_callback(lambda done: self._unsynced(done.exception()))

    def _unsynced(self, error: BaseException | None) -> None:
        if error is not None:
            self._tell(f"the disk did not take what was written: {error}")

    def _tell(self, said: str) -> None:
        """Once a minute: without descriptors, asyncio fails thousands of times a second."""
        if said not in self._said:
            self._said.add(said)
            with contextlib.suppress(OSError):  # said into a file on the full disk, say, or to nobody
                self._complain(said)

    async def _end(self) -> None:
        """Let requests under way end, then close what is left."""
        self.stopping = True
        for connection in list(self.connections):
            connection.leave()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.empty.wait(), STOP_SECONDS if self.connections else 0)
        for connection in list(self.connections):
            connection.cut()
        await self.loop.run_in_executor(None, self._pool.shutdown)
        await asyncio.sleep(0)  # lets the cut connections report their end

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Say what went wrong and where, but neither the value nor the sender, which asyncio's own words would show."""
        error = context.get("exception")
        place = getattr(error, "__traceback__", None)
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
        why = f" ({os.strerror(error.errno)})" if isinstance(error, OSError) and error.errno else ""
        self._tell(f"an error nobody expected: {type(error).__name__}{why}{where}")


class Connection(asyncio.Protocol):
    """One client's connection: its requests, one after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = Reader()
        self._request: Request | None = None
        self._room = 0  # bytes of `server.held` that are this request's
        self._busy = False  # the other thread is making an answer
        self._unread = False  # the client does not read its answers
        self._left = 0  # bytes of them that it had not taken when the deadline was set
        self._ending = False  # all was said; what still comes is thrown away
        self.deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a TCP socket's is one
        self._transport = transport
        self._server.connections.add(self)
        self._wait(IDLE_SECONDS)
        if self._server.stopping or len(self._server.connections) > CONNECTIONS:
            self._say(Answer(503, headers={"Retry-After": "1"}), keep=False)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the connection."""
        self._server.connections.discard(self)
        self._release()
        if self._server.stopping and not self._server.connections:
            self._server.empty.set()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and answer what is complete."""
        if self._ending:
            return
        if self._request is None and not self._reader.begun:
            self._wait(REQUEST_SECONDS)
        self._reader.feed(data)
        self._advance()

    def pause_writing(self) -> None:
        """A client that does not read its answers is not read either, and what it asked before has to wait."""
        self._unread = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._unread = False
        if self._ending:
            self._transport.resume_reading()
        self._server.loop.call_soon(self._advance)  # not now: asyncio cannot bear a `close` from here

    def unread(self) -> int:
        """The bytes of its answers that the client has not read yet."""
        return self._transport.get_write_buffer_size()

    def late(self) -> None:
        """End the connection, as its deadline has passed, unless its client was reading meanwhile."""
        if self._left and self.unread() <= max(0, self._left - READ_BYTES):
            self._rest()
        elif self._ending or self.unread():
            self.cut()
        elif self._request is None and not self._reader.begun:
            self._transport.close()
        else:
            self._refuse(Refusal(408, "the request did not come in time"))

    def leave(self) -> None:
        """Close the connection, after its request if it has one."""
        if not self._busy and self._request is None and not self._reader.begun:
            self._transport.close()

    def cut(self) -> None:
        """End it at once."""
        self._transport.abort()

    def _advance(self) -> None:
        """Go as far as the bytes allow, but to one answer at most: the next waits until every connection had a turn."""
        try:
            while not (self._busy or self._unread or self._ending or self._transport.is_closing()):
                if self._request is None:
                    request = self._reader.head()
                    if request is None:
                        self._transport.resume_reading()
                        return
                    self._begin(request)
                elif not self._reader.body(self._request):
                    self._transport.resume_reading()
                    return
                else:
                    request, self._request = self._request, None
                    self._release()
                    self._answer(request)
                    if self._reader.begun:
                        self._transport.pause_reading()
                    self._server.loop.call_soon(self._advance)
                    return
        except Refusal as refusal:
            self._refuse(refusal)

    def _begin(self, request: Request) -> None:
        self._server.desk.admit(request)
        self._room = BODY_BYTES if request.chunked else request.length
        self._server.held += self._room
        if self._server.held > HELD_BYTES:
            raise Refusal(503, "too much is being read", **{"Retry-After": "1"})
        if "expect" in request.headers and not self._reader.begun:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._request = request

    def _answer(self, request: Request) -> None:
        keep = request.keep and not self._server.stopping
        try:
            found = self._server.desk.answer(request)
        except OSError as error:
            raise self._server.desk.cannot(error) from None
        if isinstance(found, Answer):
            self._say(found, keep=keep)
            return
        self._busy = True
        self.deadline = float("inf")
        self._transport.pause_reading()
        self._server.work(found).add_done_callback(partial(self._done, keep))

    def _done(self, keep: bool, done: "asyncio.Future[Answer | None]") -> None:
        self._busy = False
        if self._transport.is_closing():
            return
        error = done.exception()
        if isinstance(error, OSError):
            self._refuse(self._server.desk.cannot(error))
            return
        if error is not None:
            self.cut()
            raise error
        if sum(one.unread() for one in self._server.connections) > HELD_BYTES:
            self._refuse(Refusal(503, "too much waits to be read", **{"Retry-After": "1"}))
            return
        self._say(done.result(), keep=keep)  # type: ignore[arg-type]  # the desk's work returns one
        self._advance()

    def _say(self, answer: Answer, *, keep: bool) -> None:
        self._transport.write(answer.written(self._server.date, keep=keep))
        self._ending = not keep
        self._rest()
        if not keep:
            self._transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Say why, then read on for a moment and discard what comes: a reset would take the answer with it."""
        answer = Answer(refusal.status, f"{refusal}\n".encode(), TEXT, refusal.headers)
        self._transport.write(answer.written(self._server.date, keep=False))
        self._ending = True
        self._release()
        self._rest()
        if not self._unread:
            self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _release(self) -> None:
        self._server.held -= self._room
        self._room = 0

    def _rest(self) -> None:
        """Wait for the client: until it has read, and then for its next request, or until it has left."""
        unread = self.unread()
        seconds = IDLE_SECONDS if unread or not self._reader.begun else REQUEST_SECONDS
        self._wait(LINGER_SECONDS if self._ending and not unread else seconds)

    def _wait(self, seconds: float) -> None:
        self._left = self.unread()
        self.deadline = self._server.loop.time() + seconds
