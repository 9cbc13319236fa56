"""Who floods, scans or guesses passwords is banned for a while, and nobody else notices."""

import itertools
import time
from collections.abc import Callable, Iterator

import pytest
from sipmessage import Request, Response

from calls.client import Client
from calls.digest import Account
from calls.harm import Watch, calls_meanwhile
from calls.talking import is_answered
from slowbye.hosts import Host, Inventory
from slowbye.measure import journal

_SCANNER = {"User-Agent": "friendly-scanner"}
_FLOOD_S = 3.0
_APART_S = 0.002
_ANSWER_S = 1.0
"""How long an answer may take; over a WAN that is idle it is there at once."""

_LOOSELY = 3
"""Up to so many times the limit may pass before pike sees a flood (its documentation)."""


@pytest.fixture(scope="session")
def _addresses(lab: Inventory) -> Iterator[str]:
    return itertools.cycle(lab.first("clients").variables.get("stranger_addresses") or [])


@pytest.fixture
def stranger(new_client: Callable[..., Client], _addresses: Iterator[str], proxy: Host) -> Client:
    """A client at an address that nobody trusts, and that no other test is banned for."""
    address = next(_addresses, None)
    if address is None or not proxy.variables.get("sip_proxy_ban_seconds"):
        pytest.skip("the inventory has no stranger_addresses, or sip_proxy_ban_seconds is 0")
    client = new_client("stranger", address=address)
    assert is_answered(client), f"{address} is banned before it has done anything"
    return client


def _falls_silent(client: Client) -> bool:
    """Whether it is banned; what it sent before may still be answered by another worker."""
    return any(not is_answered(client) for _ in range(3))


def _flood(client: Client, uri: str) -> int:
    """Send INVITEs as fast as a scanner does, and return how many."""
    end = time.monotonic() + _FLOOD_S
    for sent in itertools.count():
        if time.monotonic() > end:
            return sent
        client.send(client.build("INVITE", uri, body=client.sdp()))
        time.sleep(_APART_S)
    raise AssertionError


def _is_refused(client: Client) -> bool:
    try:
        client.receive_response(401, "REGISTER", _ANSWER_S)
    except AssertionError:
        return False
    return True


def test_a_flood_of_invites_is_banned_while_calls_of_others_go_on(
    stranger: Client, caller: Client, callee: Client, proxy: Host, lab: Inventory
) -> None:
    unit, since = Watch(proxy).name, journal.cursor(proxy)
    with calls_meanwhile(proxy, lab.first("clients")):
        sent = _flood(stranger, callee.uri)

    answers = [each for each in stranger.received if isinstance(each.message, Response)]
    limit = _LOOSELY * int(proxy.variables["sip_proxy_ban_requests"])
    assert sent > 2 * limit
    assert len(answers) <= limit, f"{len(answers)} answers to {sent} INVITEs"
    assert _falls_silent(stranger)
    assert is_answered(caller)
    ban = f"{stranger.address[0]} is banned"
    said = journal.read_since(proxy, unit, since)
    assert any(ban in entry.message for entry in said)


def test_a_ban_ends(stranger: Client, proxy: Host) -> None:
    stranger.send(stranger.build("OPTIONS", f"sip:{stranger.proxy[0]}", _SCANNER))
    begun = time.monotonic()
    seconds = float(proxy.variables["sip_proxy_ban_seconds"])
    assert _falls_silent(stranger)
    while not is_answered(stranger):
        assert time.monotonic() < begun + 2 * seconds, "the ban does not end"
    assert time.monotonic() > begun + seconds - 2 * _ANSWER_S


def test_a_scanner_is_known_by_its_user_agent_and_gets_no_answer(stranger: Client) -> None:
    stranger.send(stranger.build("REGISTER", f"sip:{stranger.proxy[0]}", _SCANNER))
    assert _falls_silent(stranger)
    methods = [each.message.headers["CSeq"].split()[1] for each in stranger.received]
    assert "REGISTER" not in methods


def test_whoever_guesses_passwords_is_banned_and_the_journal_keeps_none_of_it(
    stranger: Client, proxy: Host
) -> None:
    unit, since = Watch(proxy).name, journal.cursor(proxy)
    users = [user for user in proxy.variables.get("sip_proxy_users") or [] if "password" in user]
    if not users:
        pytest.skip("the inventory has no sip_proxy_users with passwords")
    account = Account(users[0]["name"], "guessed")
    stranger.user = account.name
    for guess in itertools.count():
        assert guess < 2 * int(proxy.variables["sip_proxy_ban_wrong_credentials"])
        request = _register(stranger)
        try:
            challenge = stranger.receive_response(401, "REGISTER", _ANSWER_S)
        except AssertionError:
            break
        _register(stranger, account.answer(request, challenge))
        if not _is_refused(stranger):
            break
    assert _falls_silent(stranger)
    said = [entry.message for entry in journal.read_since(proxy, unit, since)]
    assert any("sent wrong credentials of" in line for line in said)
    assert [line for line in said if "response=" in line or "nonce=" in line] == []


def _register(client: Client, proof: dict[str, str] | None = None) -> Request:
    to = {"To": f"<{client.uri}>"}
    request = client.build("REGISTER", f"sip:{client.proxy[0]}", {**to, **(proof or {})})
    client.send(request)
    return request


def test_whom_the_proxy_trusts_is_never_banned(caller: Client, callee: Client) -> None:
    calling = caller.invite(callee.uri, headers=_SCANNER)
    callee.reply(callee.receive_request("INVITE"), 486)
    callee.receive_request("ACK")
    calling.ack_failure(calling.receive(486))
    assert is_answered(caller)
