"""One capture on the proxy host for all tests of a process; each takes its part out of it."""

import re
import socket
import struct
import time
from pathlib import Path

from calls.client import SIP_PORT
from calls.endpoint import PORTS
from calls.pcap import Record, Tail
from calls.sockets import on
from slowbye.hosts import Host
from slowbye.measure.capture import Capture, ng_filter

_PATIENCE_S = 10.0
_LOOK_S = 0.01
_KEEP_ALIVE = b"\r\n\r\n"
"""A keep-alive (RFC 5626 section 3.5.1): a proxy takes no notice of it over UDP."""


class SessionCapture:
    """A running capture of SIP and ng on a proxy host.

    Args:
        proxy: where.
        client: a host that can reach it.
        path: the file; it grows until :meth:`stop`.
        ng_ports: at which the proxy reaches rtpengine, over whichever path.
    """

    def __init__(self, proxy: Host, client: Host, path: Path, ng_ports: list[int]) -> None:
        # The proxy opens TCP connections to clients from any port, so theirs tell them.
        of_clients = f"tcp portrange {PORTS.start}-{PORTS.stop - 1}"
        self._proxy = proxy
        self._client = client
        self._capture = Capture(proxy, path, f"{ng_filter(ng_ports)} or {of_clients}")
        self._capture.start()
        self._records: list[Record] = []
        self._tail: Tail | None = None
        self._path = path

    def stop(self) -> None:
        """End it."""
        if self._tail is not None:
            self._tail.close()
        self._capture.stop()

    def since(self, begun: float) -> tuple[bytes, list[Record]]:
        """Return the file's header, and all packets since a moment until now.

        A packet of our own is sent after all others; when it is there, they all are.
        """
        last = on(self._client, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with last:
            last.bind((self._client.address, 0))
            header = struct.pack(">HHH", last.getsockname()[1], SIP_PORT, 8 + len(_KEEP_ALIVE))
            sent = re.compile(re.escape(header) + b".." + re.escape(_KEEP_ALIVE), re.DOTALL)
            deadline = time.monotonic() + _PATIENCE_S
            last.sendto(_KEEP_ALIVE, (self._proxy.address, SIP_PORT))
            while not any(sent.search(each.data) for each in self._look()):
                assert time.monotonic() < deadline, "the capture on the proxy host shows nothing"
                time.sleep(_LOOK_S)
        assert self._tail is not None
        return self._tail.header, [each for each in self._records if each.at >= begun]

    def _look(self) -> list[Record]:
        if self._tail is None:
            self._tail = Tail(self._path)
        records = self._tail.read()
        self._records += records
        return records
