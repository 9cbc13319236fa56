"""A client behind NAT is reached where its packets come from; everybody else by his Contact."""

from collections.abc import Callable

import pytest
from sipmessage import Request

from calls import messages, sdp
from calls.client import Client
from calls.reach import bound_to, leads_to
from calls.talking import hang_up, talk
from calls.wire import Address, Wire


@pytest.fixture
def outside(phone: Client, wire: Wire) -> Address:
    """Where the phone's NAT shows it to the proxy."""
    return _registered_from(phone, wire)


def _registered_from(client: Client, wire: Wire) -> Address:
    (register,) = [
        each
        for each in wire.requests("REGISTER")
        if messages.uri_of(each.message.headers["To"]) == client.uri
    ]
    return register.source


def test_the_proxy_sees_another_address_and_another_port(
    phone: Client, outside: Address, wire: Wire
) -> None:
    assert outside[0] != phone.address[0]
    assert outside[1] != phone.address[1]
    (via,) = messages.values(wire.responses(200, "REGISTER", wire.proxy)[0].message, "Via")
    assert f"received={outside[0]}" in via
    assert f"rport={outside[1]}" in via


def test_a_phone_that_does_not_ask_for_it_is_answered_where_it_sent_from(phone: Client) -> None:
    # RFC 3581 has it ask with ";rport"; without, the answer would go to the port in its Via.
    phone.register(headers={"Via": phone.via().replace(";rport", "")})


def test_nobody_gets_in_whom_the_phone_did_not_send_for(
    caller: Client, phone: Client, outside: Address
) -> None:
    # Else the tests here would pass without any of what they test.
    caller.send(caller.build("MESSAGE", phone.uri), to=outside)
    assert phone.receives_nothing("MESSAGE", within_s=0.5)


def test_a_registration_is_bound_to_where_it_came_from(
    phone: Client, outside: Address, wire: Wire
) -> None:
    (ok,) = wire.responses(200, "REGISTER", wire.proxy)
    (contact,) = messages.values(ok.message, "Contact")
    assert messages.uri_of(contact) == messages.uri_of(phone.contact)
    assert bound_to(contact) == outside


@pytest.mark.ladder("A call to a phone behind NAT")
def test_a_call_reaches_the_phone_and_its_contact_is_fixed_on_the_way_back(
    caller: Client, phone: Client, outside: Address, wire: Wire
) -> None:
    calling, _ = talk(caller, phone)

    (invite,) = wire.requests("INVITE", wire.proxy)
    assert invite.destination == outside
    assert isinstance(invite.message, Request)
    assert str(invite.message.uri) == messages.uri_of(phone.contact)
    assert calling.answered is not None
    (contact,) = messages.values(calling.answered, "Contact")
    assert leads_to(contact) == outside

    hang_up(calling, phone)
    assert [each.destination for each in wire.requests("ACK", wire.proxy)] == [outside]
    assert [each.destination for each in wire.requests("BYE", wire.proxy)] == [outside]


@pytest.mark.ladder("A call from a phone behind NAT")
def test_the_contact_of_a_call_from_the_phone_leads_back_to_it(
    phone: Client, callee: Client, outside: Address, wire: Wire
) -> None:
    _, called = talk(phone, callee)

    (contact,) = messages.values(called.invite, "Contact")
    assert leads_to(contact) == outside

    hang_up(called, phone)
    assert [each.destination for each in wire.requests("BYE", wire.proxy)] == [outside]


def test_a_phone_over_tcp_is_called_over_the_connection_that_it_made(
    caller: Client, new_phone: Callable[[str], Client], wire: Wire
) -> None:
    phone = new_phone("tcp")
    outside = _registered_from(phone, wire)
    calling, _ = talk(caller, phone)
    hang_up(calling, phone)

    for method in ("INVITE", "ACK", "BYE"):
        (sent,) = [each for each in wire.requests(method, wire.proxy) if each.transport == "tcp"]
        assert sent.destination == outside


def test_the_phone_hangs_up_whoever_called(
    caller: Client, phone: Client, callee: Client, wire: Wire
) -> None:
    _, answered = talk(caller, phone)
    hang_up(answered, caller)
    calling, _ = talk(phone, callee)
    hang_up(calling, callee)

    ends = [each.destination for each in wire.requests("BYE", wire.proxy)]
    assert ends == [caller.address, callee.address]


def test_a_new_contact_in_a_re_invite_is_fixed_from_either_side(
    caller: Client, phone: Client, outside: Address
) -> None:
    calling, called = talk(caller, phone)
    phone.contact = phone.contact.replace("sip:", "sip:second-")

    called.offer("sendonly")
    invite = caller.receive_request("INVITE")
    (contact,) = messages.values(invite, "Contact")
    assert "second-" in contact
    assert leads_to(contact) == outside
    caller.reply(invite, 200, headers={"Contact": caller.contact}, body=caller.sdp("recvonly"))
    called.receive(200)
    called.ack()
    caller.receive_request("ACK")

    phone.contact = phone.contact.replace("second-", "third-")
    calling.remote_target = messages.uri_of(contact)
    calling.offer("sendrecv")
    invite = phone.receive_request("INVITE")
    phone.reply(invite, 200, headers={"Contact": phone.contact}, body=phone.sdp())
    ok = calling.receive(200)
    calling.ack()
    phone.receive_request("ACK")
    (contact,) = messages.values(ok, "Contact")
    assert "third-" in contact
    assert leads_to(contact) == outside
    hang_up(calling, phone)


def test_both_sides_hear_each_other_across_the_nat(caller: Client, phone: Client) -> None:
    calling, called = talk(caller, phone)
    assert calling.answered is not None
    to_phone = sdp.media_address(calling.answered.body)
    to_caller = sdp.media_address(called.invite.body)
    assert to_phone[0] != phone.address[0]

    # The phone speaks first: until then rtpengine cannot know its port outside.
    phone.media.send(to_caller, packets=5)
    assert caller.media.hears(phone.media) == to_phone
    caller.media.send(to_phone, packets=5)
    assert phone.media.hears(caller.media) == to_caller

    hang_up(calling, phone)


def test_who_is_not_behind_nat_is_left_alone(caller: Client, callee: Client, wire: Wire) -> None:
    calling, called = talk(caller, callee)
    called.offer("sendonly")
    invite = caller.receive_request("INVITE")
    caller.reply(invite, 200, headers={"Contact": caller.contact}, body=caller.sdp("recvonly"))
    ok = called.receive(200)
    called.ack()
    caller.receive_request("ACK")
    hang_up(calling, callee)

    for registered in wire.responses(200, "REGISTER", wire.proxy):
        (contact,) = messages.values(registered.message, "Contact")
        assert bound_to(contact) is None
    assert messages.values(invite, "Contact") == [callee.contact]
    assert messages.values(ok, "Contact") == [caller.contact]
    first, _ = wire.requests("INVITE", wire.proxy)
    assert messages.values(first.message, "Contact") == [caller.contact]
    assert calling.answered is not None
    assert messages.values(calling.answered, "Contact") == [callee.contact]


@pytest.mark.ladder("A client that ignores how the Contact was fixed")
def test_an_ack_and_a_bye_for_the_private_contact_find_the_phone(
    caller: Client, phone: Client, outside: Address, wire: Wire
) -> None:
    calling = caller.invite(phone.uri)
    answer = phone.reply(
        phone.receive_request("INVITE"), 200, headers={"Contact": phone.contact}, body=phone.sdp()
    )
    calling.receive(200)
    calling.remote_target = messages.uri_of(answer.headers["Contact"])

    calling.ack()
    phone.receive_request("ACK")
    hang_up(calling, phone)

    assert [each.destination for each in wire.requests("ACK", wire.proxy)] == [outside]
    assert [each.destination for each in wire.requests("BYE", wire.proxy)] == [outside]
