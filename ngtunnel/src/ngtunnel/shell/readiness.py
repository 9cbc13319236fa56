"""Which sockets of the hot path are ready: an epoll set behind one descriptor of the event loop.

An event loop spends several microseconds on each callback, and to be put to sleep and woken costs
more than to carry a datagram. So all that is ready is handled in one go, and where the next event
is likely to follow within microseconds, it is waited for awake.
"""

import asyncio
import os
import select
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

READ = select.EPOLLIN
WRITE = select.EPOLLOUT

_AWAKE_S = 200e-6
"""How long to stay awake at most: about what a sleep and a wake-up would cost, twice.

Only while it pays, as with KVM's halt polling: when the last event was no longer ago than this.
"""

_TURN_S = 2e-3
"""After this the event loop gets its turn: timers, new connections, the watchdog."""


class _HasDescriptor(Protocol):
    def fileno(self) -> int: ...


class Readiness:
    """Calls back for sockets that are ready.

    Args:
        loop: the event loop.
        handled: called after all that was ready has been called; writes what has gathered.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, handled: Callable[[], None]) -> None:
        self._loop = loop
        self._handled = handled
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._last_event = 0.0
        loop.add_reader(self._epoll.fileno(), self._turn)

    def add(
        self, socket: _HasDescriptor, callback: Callable[[int], None], events: int = READ
    ) -> None:
        """Call back with the events that are ready, until :meth:`remove`."""
        descriptor = socket.fileno()
        self._callbacks[descriptor] = callback
        self._epoll.register(descriptor, events)

    def change(self, socket: _HasDescriptor, events: int) -> None:
        """Wait for other events."""
        self._epoll.modify(socket.fileno(), events)

    def remove(self, socket: _HasDescriptor) -> None:
        """Forget a socket, before it is closed."""
        descriptor = socket.fileno()
        if self._callbacks.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Forget them all."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _turn(self) -> None:
        poll, callbacks = self._epoll.poll, self._callbacks
        began = now = perf_counter()
        stay_awake = began - self._last_event < _AWAKE_S
        while now - began < _TURN_S:
            ready = poll(0)
            if ready:
                for descriptor, events in ready:
                    callback = callbacks.get(descriptor)
                    if callback is not None:
                        callback(events)
                self._handled()
                self._last_event = now = perf_counter()
                if not stay_awake:
                    break
                continue
            now = perf_counter()
            if now - self._last_event > _AWAKE_S:
                break
            os.sched_yield()
