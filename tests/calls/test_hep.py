"""A collector of captures gets a copy of each message of a call."""

from collections.abc import Iterator

import pytest

from calls.client import Client
from calls.hep import Collector
from calls.talking import hang_up, talk
from slowbye.hosts import Host, Inventory

_WITHIN_S = 5.0


@pytest.fixture
def collector(lab: Inventory, proxy: Host) -> Iterator[Collector]:
    """The collector that the proxy knows, on the client host."""
    address, _, port = (proxy.variables.get("sip_proxy_hep") or "").partition(":")
    host = lab.first("clients")
    if address != host.address:
        pytest.skip("sip_proxy_hep leads to no client host")
    collector = Collector(host, int(port))
    yield collector
    collector.close()


@pytest.mark.alone
def test_a_collector_sees_a_call_from_both_sides(
    collector: Collector, caller: Client, callee: Client
) -> None:
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)
    missing = {
        (first, via)
        for first in (b"INVITE ", b"SIP/2.0 200 ", b"BYE ")
        for via in (1, 2)  # as it came, or as it went on, with the proxy's own Via
    }
    for message in collector.messages(_WITHIN_S):
        if calling.call_id.encode() in message:
            first = message.split(b"sip:")[0] if message[:3] != b"SIP" else message[:12]
            missing.discard((first, message.count(b"\r\nVia:")))
        if not missing:
            break
    assert not missing
