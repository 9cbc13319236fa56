"""Nobody learns how the servers are reached from inside: by loopback, or a private address."""

import re
from ipaddress import ip_address, ip_network

from calls.client import Client
from calls.talking import change_media, hang_up, talk
from calls.wire import Wire

_INSIDE = [
    ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16")
]


def test_no_message_tells_of_a_private_address(caller: Client, callee: Client, wire: Wire) -> None:
    calling, called = talk(caller, callee)
    change_media(calling, callee, "sendonly", "recvonly")
    hang_up(called, caller)

    sent = [each for each in wire.sip() if each.source == wire.proxy]
    assert {"INVITE", "200 OK (INVITE)", "ACK", "BYE"} <= {each.name for each in sent}
    told = {
        address
        for each in sent
        for address in re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", each.data.decode())
        if any(ip_address(address) in net for net in _INSIDE)
    }
    assert told == set()
