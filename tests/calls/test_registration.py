"""A registration lives as long as it says, and no longer."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sipmessage import Request, Response

from calls import messages
from calls.client import Client
from calls.talking import hang_up, talk
from slowbye.hosts import Host

_RESTART_S = 3.0
"""Longer than a proxy takes to end, and to start."""

_APART_S = 0.001
"""Between requests to a proxy that starts: it reads its registrations within milliseconds."""

_OTHERS = 1000
"""So many users that there is time for a request while they are read."""

_OTHERS_LIVE_S = 30
_UNDER_WAY = 20
"""So many registrations at once do not wait for each other's round trip."""


def _is_unknown(user: Client, to: Client) -> None:
    calling = to.invite(user.uri)
    calling.ack_failure(calling.receive(404))


def test_a_registration_expires(caller: Client, callee: Client, proxy: Host) -> None:
    lives_s = int(proxy.variables.get("sip_proxy_min_expires") or 60)
    if lives_s > 10:
        pytest.skip(f"the proxy grants no registration shorter than {lives_s} s")
    ok = callee.register(expires=lives_s)
    (contact,) = messages.values(ok, "Contact")
    assert f"expires={lives_s}" in contact

    time.sleep(lives_s + 1)
    _is_unknown(callee, caller)


def test_who_asks_for_less_gets_the_shortest_that_is_granted(callee: Client, proxy: Host) -> None:
    lives_s = int(proxy.variables.get("sip_proxy_min_expires") or 60)
    (contact,) = messages.values(callee.register(expires=1), "Contact")
    assert f"expires={lives_s}" in contact


def test_who_unregisters_is_unknown(caller: Client, callee: Client) -> None:
    ok = callee.register(expires=0)
    assert messages.values(ok, "Contact") == []
    _is_unknown(callee, caller)


def test_a_star_removes_every_contact(caller: Client, callee: Client) -> None:
    callee.register(headers={"Contact": "<sip:another@198.18.0.1:5070>"})
    callee.register(expires=0, headers={"Contact": "*"})
    _is_unknown(callee, caller)


def test_a_registration_replaces_the_one_of_the_same_contact(
    caller: Client, callee: Client
) -> None:
    ok = callee.register()
    assert len(messages.values(ok, "Contact")) == 1
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)


@pytest.fixture
def _keeps_registrations(proxy: Host) -> None:
    if not proxy.variables.get("sip_proxy_keep_registrations", True):
        pytest.skip("sip_proxy_keep_registrations is false")


@pytest.mark.alone
@pytest.mark.usefixtures("_keeps_registrations")
def test_a_restarted_proxy_knows_who_was_registered(
    caller: Client, callee: Client, restart_proxy: Callable[[], None]
) -> None:
    restart_proxy()
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)


@pytest.mark.alone
@pytest.mark.usefixtures("_keeps_registrations")
def test_a_proxy_that_starts_tells_nobody_that_a_registered_user_is_unknown(
    caller: Client, callee: Client, restart_proxy: Callable[[], None]
) -> None:
    for number in range(_OTHERS):
        user = f"<sip:other{number}@{caller.proxy[0]}>"
        given = {"From": f"{user};tag={number}", "To": user, "Expires": str(_OTHERS_LIVE_S)}
        caller.send(caller.build("REGISTER", f"sip:{caller.proxy[0]}", given))
        if number >= _UNDER_WAY:
            caller.receive_response(200, "REGISTER")
    for _ in range(_UNDER_WAY):
        caller.receive_response(200, "REGISTER")
    with ThreadPoolExecutor(max_workers=1) as thread:
        restarting = thread.submit(restart_proxy)
        end = time.monotonic() + _RESTART_S
        while time.monotonic() < end:
            caller.send(caller.build("OPTIONS", callee.uri))
            time.sleep(_APART_S)
    restarting.result()
    for each in callee.received:
        if isinstance(each.message, Request):
            callee.reply(each.message, 200)
    answers = [each.message for each in caller.received if isinstance(each.message, Response)]
    assert [answer.code for answer in answers if answer.code == 404] == []
