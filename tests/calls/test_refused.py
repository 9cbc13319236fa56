"""What the proxy refuses, it does not relay: nothing but the answer leaves it."""

from calls.client import Client
from calls.wire import Seen, Wire


def _sent_by_the_proxy(wire: Wire, call_id: str) -> list[Seen]:
    return [
        each
        for each in wire.sip()
        if each.source == wire.proxy and each.message.headers["Call-ID"] == call_id
    ]


def test_a_call_to_a_foreign_domain(caller: Client, callee: Client, wire: Wire) -> None:
    # The callee is there, at that very address: only the proxy stands between.
    calling = caller.invite("sip:{}@{}:{}".format(callee.user, *callee.address))
    calling.ack_failure(calling.receive(403))

    (answer,) = _sent_by_the_proxy(wire, calling.call_id)
    assert answer.name.startswith("403")
    assert answer.destination == caller.address


def test_a_registration_in_a_foreign_domain(caller: Client, wire: Wire) -> None:
    foreign = "sip:example.net"
    request = caller.build("REGISTER", foreign, {"To": f"<sip:{caller.user}@example.net>"})
    caller.send(request)
    caller.receive_response(403, "REGISTER")
    assert len(_sent_by_the_proxy(wire, request.call_id)) == 1


def test_a_request_that_may_not_be_forwarded(caller: Client, callee: Client, wire: Wire) -> None:
    calling = caller.invite(callee.uri, headers={"Max-Forwards": "0"})
    calling.ack_failure(calling.receive(483))

    (answer,) = _sent_by_the_proxy(wire, calling.call_id)
    assert answer.name.startswith("483")


def test_a_call_that_claims_to_be_one_already(caller: Client, callee: Client, wire: Wire) -> None:
    headers = {"To": "<sip:somebody@example.net>;tag=made-up"}
    calling = caller.invite("sip:{}@{}:{}".format(callee.user, *callee.address), headers=headers)
    calling.ack_failure(calling.receive(404))
    assert len(_sent_by_the_proxy(wire, calling.call_id)) == 1
