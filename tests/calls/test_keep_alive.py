"""The proxy keeps a way through the NAT open to whoever registered from behind it."""

import time

import pytest

from calls.client import Client
from calls.talking import hang_up, talk
from slowbye.hosts import Host, Inventory


def _forgets_after_s(lab: Inventory) -> float:
    seconds = lab.first("nat").variables.get("nat_udp_timeout")
    if not seconds:
        pytest.skip("nobody knows when this NAT forgets")
    return float(seconds)


def test_options_arrive_inside(phone: Client, proxy: Host) -> None:
    interval_s = int(proxy.variables.get("sip_proxy_nat_ping_interval") or 30)
    ping = phone.receive_request("OPTIONS", timeout_s=2 * interval_s + 2)
    phone.reply(ping, 200)
    # It is answered, so it is not repeated as one that got lost: the next is a new one.
    again = phone.receive_request("OPTIONS", timeout_s=2 * interval_s + 2)
    assert again.headers["Call-ID"] != ping.headers["Call-ID"] or again.cseq != ping.cseq


def test_a_phone_that_was_silent_for_long_is_still_reached(
    caller: Client, phone: Client, lab: Inventory
) -> None:
    time.sleep(_forgets_after_s(lab) + 2)
    calling, _ = talk(caller, phone)
    hang_up(calling, phone)
