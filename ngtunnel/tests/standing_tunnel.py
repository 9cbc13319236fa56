"""A source of metrics that stands still, and addresses for tests."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ngtunnel import metrics
from ngtunnel.config import Address
from ngtunnel.core.counters import Counters, LinkSnapshot, LinkState, Snapshot


def free_port() -> int:
    """Find a TCP port on loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def link(name: str, state: LinkState, rtt: float | None) -> LinkSnapshot:
    return LinkSnapshot(name, state, rtt, 1_700_000_100.0, 111, 222, 3, "198.18.2.1:2223")


class StandingTunnel:
    """One link up, one waiting; nothing counted yet."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.links = [link("0", LinkState.UP, 0.0205), link("1", LinkState.WAITING, None)]
        self.now = Snapshot(
            role="client",
            protocol="ng",
            started=1_700_000_000.0,
            links=self.links,
            sessions=7,
            in_flight=2,
            queue_bytes=4096,
            certificate_not_after=1_800_000_000.0,
        )

    def snapshot(self) -> Snapshot:
        """Tell what goes up and down."""
        return self.now


@contextmanager
def served(tunnel: StandingTunnel) -> Iterator[Address]:
    """Serve a tunnel's metrics from an event loop in a thread of its own."""
    address = Address("127.0.0.1", free_port())
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(metrics.serve(address, tunnel))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()
