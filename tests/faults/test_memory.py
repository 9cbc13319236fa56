"""How much memory the two ends take."""

import time
from collections.abc import Callable

from faults.hosts import MEDIA, SIP
from faults.tunnel import Tunnel

_MEMORY_BYTES = 64 << 20


def test_a_thousand_peers_take_little_memory(through: Tunnel, report: Callable[..., None]) -> None:
    with through.load("--peers", "1000", "--rate", "1000", fresh=0) as outcome:
        time.sleep(3)
        for host in (SIP, MEDIA):
            through.scrape(host)
        client, server = through.client.resident_bytes, through.server.resident_bytes
    report(outcome, client_kib=client // 1024, server_kib=server // 1024)
    assert client + server < _MEMORY_BYTES
    outcome.nothing_lost()
