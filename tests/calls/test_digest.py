"""Who cannot prove who he is neither registers nor calls; an overheard proof is worth nothing."""

import time
from collections.abc import Callable

import pytest
from sipmessage import Request, Response

from calls import messages
from calls.client import Client
from calls.dialog import Dialog
from calls.digest import Account
from calls.inbox import PATIENCE_S
from calls.messages import Headers
from calls.talking import hang_up, invite, pick_up
from calls.wire import Wire
from slowbye.hosts import Host, Inventory

Subscriber = tuple[Client, Account]

_STARTING_S = 40
"""OpenSIPS does not say "stale" in the half minute after its first nonce (see roles/sip_proxy)."""


@pytest.fixture
def subscriber(
    new_client: Callable[..., Client], lab: Inventory, proxy: Host
) -> Callable[..., Subscriber]:
    """Make the client of a user with a password, at an address where nobody is trusted."""
    address = lab.first("clients").variables.get("untrusted_address")
    users = [
        Account(user["name"], user["password"])
        for user in proxy.variables.get("sip_proxy_users") or []
        if "password" in user
    ]
    if not address or len(users) < 3:
        pytest.skip("the inventory has no untrusted_address, or no sip_proxy_users with passwords")

    def make(index: int = 0) -> Subscriber:
        client = new_client("subscriber", address=address)
        client.user = users[index].name
        client.contact = f"<sip:{client.user}@{client.sent_by}>"
        return client, users[index]

    return make


def _register(client: Client, headers: Headers | None = None) -> Request:
    """Send a REGISTER, whatever comes of it."""
    request = client.build(
        "REGISTER",
        f"sip:{client.proxy[0]}",
        {"To": f"<{client.uri}>", "Expires": "60", **(headers or {})},
    )
    client.send(request)
    return request


def _challenged(client: Client, account: Account) -> Request:
    """Send a REGISTER with the right answer to its challenge."""
    request = _register(client)
    proof = account.answer(request, client.receive_response(401, "REGISTER"))
    return _register(client, proof)


def _branch(message: Request | Response) -> str:
    return message.headers["Via"].partition(";branch=")[2].partition(";")[0]


def _answers(client: Client, request: Request, count: int) -> list[Response]:
    """Wait until a request has so many answers, repetitions included, and return them."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = [
            each.message
            for each in client.received
            if isinstance(each.message, Response)
            and each.message.code >= 200
            and _branch(each.message) == _branch(request)
        ]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, f"{request.method} has {len(found)} answers"
        time.sleep(0.01)


def _invite(client: Client, account: Account, uri: str, headers: Headers | None = None) -> Dialog:
    """Send an INVITE, and send it again with credentials for its 407."""
    calling = client.invite(uri, headers=headers)
    challenge = calling.receive(407)
    calling.ack_failure(challenge)
    proof = account.answer(calling.invite, challenge)
    again = {"Call-ID": calling.call_id, "CSeq": "2 INVITE"}
    return client.invite(uri, headers={**(headers or {}), **again, **proof})


@pytest.mark.ladder("A registration with digest authentication")
def test_the_right_password_registers(subscriber: Callable[..., Subscriber], wire: Wire) -> None:
    client, account = subscriber()
    request = _register(client)
    asked = account.take(client.receive_response(401, "REGISTER"))
    assert asked["qop"] == "auth"
    assert "stale" not in asked

    _register(client, account.credentials("REGISTER", str(request.uri)))
    ok = client.receive_response(200, "REGISTER")
    bound = [messages.uri_of(each) for each in messages.values(ok, "Contact")]
    assert messages.uri_of(client.contact) in bound


@pytest.mark.parametrize("mistake", ["password", "user"])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(
    subscriber: Callable[..., Subscriber], mistake: str
) -> None:
    client, account = subscriber()
    if mistake == "password":
        account.password += "!"
    else:
        account.name = client.user = "nobody"

    _challenged(client, account)
    again = account.take(client.receive_response(401, "REGISTER"))
    assert "stale" not in again


def test_an_overheard_registration_cannot_be_sent_again(
    subscriber: Callable[..., Subscriber],
) -> None:
    client, account = subscriber()
    overheard = _challenged(client, account)
    client.receive_response(200, "REGISTER")

    stolen = {"Authorization": overheard.headers["Authorization"]}
    _register(client, {**stolen, "Contact": "<sip:thief@198.18.0.1>"})
    client.receive_response(401, "REGISTER")


def test_a_client_that_uses_a_nonce_again_is_told_that_only_the_nonce_is_stale(
    subscriber: Callable[..., Subscriber],
) -> None:
    client, account = subscriber()
    deadline = time.monotonic() + _STARTING_S
    while True:
        request = _challenged(client, account)
        client.receive_response(200, "REGISTER")
        # With the next nonce count, as many clients do it; without "stale" they give up.
        _register(client, account.credentials("REGISTER", str(request.uri)))
        asked = account.take(client.receive_response(401, "REGISTER"))
        if asked.get("stale") == "true":
            break
        assert time.monotonic() < deadline, f"the challenge says nothing of stale: {asked}"
        time.sleep(1)

    _register(client, account.credentials("REGISTER", str(request.uri)))
    client.receive_response(200, "REGISTER")


@pytest.mark.alone
def test_it_cannot_right_after_the_proxy_has_started_either(
    subscriber: Callable[..., Subscriber], restart_proxy: Callable[[], None]
) -> None:
    restart_proxy()
    client, account = subscriber()
    overheard = _challenged(client, account)
    client.receive_response(200, "REGISTER")

    _register(client, {"Authorization": overheard.headers["Authorization"]})
    client.receive_response(401, "REGISTER")


def test_a_repeated_registration_is_answered_as_before(
    subscriber: Callable[..., Subscriber],
) -> None:
    client, account = subscriber()
    request = _challenged(client, account)
    first = client.receive_response(200, "REGISTER")

    # The answer got lost, or is late: the very same bytes again.
    client.send(request)
    before, again = _answers(client, request, count=2)
    assert bytes(before) == bytes(again) == bytes(first)


@pytest.mark.ladder("A call with digest authentication")
def test_the_right_password_calls_and_does_not_travel_on(
    subscriber: Callable[..., Subscriber], callee: Client
) -> None:
    client, account = subscriber()
    calling = _invite(client, account, callee.uri)
    called = Dialog.called(callee, callee.receive_request("INVITE"))
    assert called.invite.headers.get("Proxy-Authorization") is None
    called.answer()
    calling.receive(200)

    # The ACK has the INVITE's credentials (RFC 3261 section 22.1), and clients send them with all
    # other requests too.
    proof = {"Proxy-Authorization": calling.invite.headers["Proxy-Authorization"]}
    calling.ack(headers=proof)
    assert callee.receive_request("ACK").headers.get("Proxy-Authorization") is None
    calling.send("BYE", headers=proof)
    bye = callee.receive_request("BYE")
    assert bye.headers.get("Proxy-Authorization") is None
    callee.reply(bye, 200)
    client.receive_response(200, "BYE")


def test_who_authenticates_is_called_too(
    subscriber: Callable[..., Subscriber], caller: Client
) -> None:
    client, account = subscriber(2)
    _challenged(client, account)
    client.receive_response(200, "REGISTER")

    calling, called = invite(caller, client)
    pick_up(calling, called)
    hang_up(calling, client)
    _leave(client, account)


def _leave(client: Client, account: Account) -> None:
    request = _register(client)
    proof = account.answer(request, client.receive_response(401, "REGISTER"))
    _register(client, {**proof, "Expires": "0"})
    client.receive_response(200, "REGISTER")


def test_an_overheard_call_cannot_be_placed_again(
    subscriber: Callable[..., Subscriber], callee: Client
) -> None:
    client, account = subscriber()
    calling = _invite(client, account, callee.uri)
    Dialog.called(callee, callee.receive_request("INVITE")).respond(486)
    callee.receive_request("ACK")
    calling.ack_failure(calling.receive(486))

    proof = {"Proxy-Authorization": calling.invite.headers["Proxy-Authorization"]}
    stolen = client.invite(callee.uri, headers=proof)
    stolen.ack_failure(stolen.receive(407))
    assert callee.receives_nothing("INVITE", within_s=0.2)


def test_nobody_calls_without_a_password(
    subscriber: Callable[..., Subscriber], callee: Client, wire: Wire
) -> None:
    client, _ = subscriber()
    calling = client.invite(callee.uri)
    calling.ack_failure(calling.receive(407))
    assert wire.requests("INVITE", wire.proxy) == []


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "BYE"])
def test_a_call_that_claims_to_be_one_already_needs_a_password(
    subscriber: Callable[..., Subscriber], callee: Client, wire: Wire, method: str
) -> None:
    client, _ = subscriber()
    client.send(client.build(method, callee.uri, {"To": f"<{callee.uri}>;tag=made-up"}))
    client.receive_response(407, method)
    assert wire.requests(method, wire.proxy) == []


def test_the_name_in_from_is_the_one_that_was_proved(
    subscriber: Callable[..., Subscriber], callee: Client, wire: Wire
) -> None:
    client, account = subscriber()
    _, other = subscriber(1)
    spoofed = {"From": f"<sip:{other.name}@{client.proxy[0]}>;tag={messages.token()}"}
    calling = _invite(client, account, callee.uri, spoofed)
    calling.ack_failure(calling.receive(403))
    assert wire.requests("INVITE", wire.proxy) == []


def test_the_domain_in_from_is_one_of_ours(
    subscriber: Callable[..., Subscriber], callee: Client, wire: Wire
) -> None:
    client, account = subscriber()
    spoofed = {"From": f"<sip:{account.name}@example.net>;tag={messages.token()}"}
    calling = _invite(client, account, callee.uri, spoofed)
    calling.ack_failure(calling.receive(403))
    assert wire.requests("INVITE", wire.proxy) == []


@pytest.mark.parametrize("header", ["To", "From"])
def test_nobody_registers_for_somebody_else(
    subscriber: Callable[..., Subscriber], header: str
) -> None:
    client, account = subscriber()
    _, other = subscriber(1)
    request = _register(client)
    proof = account.answer(request, client.receive_response(401, "REGISTER"))
    spoofed = {header: f"<sip:{other.name}@{client.proxy[0]}>;tag={messages.token()}"}
    if header == "To":
        spoofed = {header: f"<sip:{other.name}@{client.proxy[0]}>"}
    _register(client, {**proof, **spoofed})
    client.receive_response(403, "REGISTER")


def test_the_first_of_two_credentials_is_not_taken_for_the_one_that_is_right(
    subscriber: Callable[..., Subscriber], callee: Client, wire: Wire
) -> None:
    client, account = subscriber()
    _, other = subscriber(1)
    calling = client.invite(callee.uri)
    challenge = calling.receive(407)
    calling.ack_failure(challenge)
    right = account.answer(calling.invite, challenge)["Proxy-Authorization"]
    wrong = right.replace(f'"{account.name}"', f'"{other.name}"').replace("MD5", "none")
    proof: Headers = {
        "Proxy-Authorization": [wrong, right],
        "From": f"<sip:{other.name}@{client.proxy[0]}>;tag={messages.token()}",
    }
    spoofed = client.invite(callee.uri, headers=proof)
    (refused,) = _answers(client, spoofed.invite, count=1)
    spoofed.ack_failure(refused)
    # OpenSIPS asks for one alone; Kamailio looks whose the right one is.
    assert refused.code in (403, 407)
    assert wire.requests("INVITE", wire.proxy) == []


def test_the_passwords_are_not_on_the_proxy_and_the_hashes_not_for_everybody(proxy: Host) -> None:
    kept = "/etc/*/dbtext/subscriber"
    shown = proxy.run(["sh", "-c", f"stat -c '%U %G %a' {kept}; cat {kept}"]).stdout
    users = proxy.variables.get("sip_proxy_users") or []
    if not users:
        pytest.skip("the inventory has no sip_proxy_users")
    owner, group, mode = shown.splitlines()[0].split()
    assert (owner, mode) == ("root", "640")
    assert group in ("kamailio", "opensips")
    assert not any(user["password"] in shown for user in users if "password" in user)
