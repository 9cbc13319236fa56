"""Via and Max-Forwards: replies find their way back, and requests do not go round for ever."""

import re
from collections.abc import Callable

import pytest

from calls import messages
from calls.client import Client
from calls.talking import hang_up, talk
from calls.wire import Wire
from slowbye.hosts import Host


def _parameters(via: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in re.split(r"\s*;\s*", via)[1:])
    return {name: value for name, _, value in pairs}


def test_a_reply_says_where_the_request_came_from(caller: Client) -> None:
    request = caller.build("OPTIONS", f"sip:{caller.proxy[0]}")
    caller.send(request)
    (via,) = messages.values(caller.receive_response(200, "OPTIONS"), "Via")

    said, sent = _parameters(via), _parameters(messages.values(request, "Via")[0])
    assert said["branch"] == sent["branch"]
    assert said["rport"] == str(caller.address[1])
    assert said["received"] == caller.address[0]


@pytest.mark.parametrize("rport", [";rport", ""], ids=["with rport", "without rport"])
def test_a_reply_goes_where_the_request_came_from(caller: Client, rport: str) -> None:
    # Somebody behind NAT, who knows only his own address.
    via = f"SIP/2.0/UDP 192.168.7.7:5062{rport};branch={messages.branch()}"
    caller.send(caller.build("OPTIONS", f"sip:{caller.proxy[0]}", {"Via": via}))
    answer = caller.receive_response(200, "OPTIONS")

    assert _parameters(messages.values(answer, "Via")[0])["received"] == caller.address[0]


def test_the_proxy_adds_a_via_to_requests_and_takes_it_off_replies(
    caller: Client, callee: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)

    (of_caller,) = messages.values(calling.invite, "Via")
    (invite,) = wire.requests("INVITE", wire.proxy)
    added, kept = messages.values(invite.message, "Via")
    assert wire.proxy[0] in added
    assert _parameters(kept)["branch"] == _parameters(of_caller)["branch"]
    (ok,) = wire.responses(200, "INVITE", wire.proxy)
    (left,) = messages.values(ok.message, "Via")
    assert _parameters(left)["branch"] == _parameters(of_caller)["branch"]


def test_max_forwards_is_one_less_behind_the_proxy(
    caller: Client, callee: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)

    (invite,) = wire.requests("INVITE", wire.proxy)
    assert invite.message.headers["Max-Forwards"] == "69"


def test_a_request_without_max_forwards_gets_one(
    caller: Client, callee: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee, headers={"Max-Forwards": None})
    hang_up(calling, callee)

    (invite,) = wire.requests("INVITE", wire.proxy)
    assert int(invite.message.headers["Max-Forwards"]) == 70


def test_a_request_at_its_last_hop_is_refused(caller: Client, callee: Client, wire: Wire) -> None:
    caller.send(caller.build("MESSAGE", callee.uri, {"Max-Forwards": "0"}))
    caller.receive_response(483, "MESSAGE")

    assert wire.requests("MESSAGE", wire.proxy) == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_request_that_comes_back_to_us_ends_when_its_hops_are_used_up(
    new_client: Callable[..., Client], caller: Client, proxy: Host, transport: str
) -> None:
    if proxy.variables.get("private_address"):
        pytest.skip(f"{proxy.name} is behind a 1:1 NAT, which need not let it reach itself")
    # Its user says that he can be reached at our own address: each time we look him up there.
    looping = new_client("looping")
    looping.register(headers={"Contact": f"<{looping.uri};transport={transport}>"})
    caller.send(caller.build("MESSAGE", looping.uri, {"Max-Forwards": "6"}))
    caller.receive_response(483, "MESSAGE")


def test_a_reply_that_is_not_for_us_goes_nowhere(
    new_client: Callable[..., Client], caller: Client, wire: Wire
) -> None:
    stranger = new_client("stranger")
    forged = messages.response(stranger.build("INVITE", caller.uri), 200, "OK")
    ways = [f"SIP/2.0/UDP 198.51.100.7;branch={messages.branch()}", caller.via()]
    messages.change(forged, {"Via": ways})
    stranger.send_bytes(bytes(forged))
    # Once the proxy has answered this, it has seen the reply.
    caller.send(caller.build("OPTIONS", f"sip:{caller.proxy[0]}"))
    caller.receive_response(200, "OPTIONS")

    assert len(wire.responses(200, "INVITE")) == 1
    assert wire.responses(200, "INVITE", wire.proxy) == []
