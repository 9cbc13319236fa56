"""Calls through a stub proxy on loopback: both parties, real sockets, real RTP."""

import asyncio
import dataclasses
import json
from typing import Any

import pytest
import sipmessage
import sipua.transaction
from sipua import TransportAddress
from test_sip_stub_proxy import StubProxy

import slowbye.sip.transactions
from slowbye.errors import SlowbyeError
from slowbye.sip.batch import BatchPlan, Tally, run_batch
from slowbye.sip.result import BatchResult


def plan_for(proxy: TransportAddress, **changes: Any) -> BatchPlan:
    plan = BatchPlan(
        proxy=proxy,
        domain="example.test",
        bind=proxy.host,
        calls=1,
        at_once=1,
        media_s=0.1,
        hangup="caller",
        headers=[],
        bystander_s=None,
        timeout_s=5.0,
    )
    return dataclasses.replace(plan, **changes)


async def run(proxy: StubProxy, **changes: Any) -> BatchResult:
    hurry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    return await run_batch(plan_for(proxy.address, **changes), hurry=hurry)


@pytest.fixture
def brief_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a batch waits 0.2 s, not 2 s, for calls that were given up."""
    monkeypatch.setattr("slowbye.sip.place_call.BRIEFLY_S", 0.2)


@pytest.fixture
def quick_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """T1 of 20 ms instead of 500: retransmissions without the wait."""
    monkeypatch.setattr(sipua.transaction, "T1", 0.02)
    monkeypatch.setattr(slowbye.sip.transactions, "T1", 0.02)


@pytest.mark.parametrize("hangup", ["caller", "callee"])
@pytest.mark.parametrize(
    ("transport", "host"), [("udp", "127.0.0.1"), ("tcp", "127.0.0.1"), ("udp", "::1")]
)
def test_a_call_is_set_up_heard_and_hung_up(transport: str, host: str, hangup: str) -> None:
    async def scenario() -> tuple[BatchResult, StubProxy]:
        async with StubProxy.running(transport, host) as proxy:
            return await run(proxy, hangup=hangup), proxy

    result, proxy = asyncio.run(scenario())
    [call] = result.calls
    assert call.failure == ""
    assert call.rtp_ok
    assert call.invite.status == 200
    assert call.bye is not None
    assert call.bye.status == 200
    assert call.caller is not None
    assert call.callee is not None
    for flow in (call.caller, call.callee):
        assert flow.rtp_sent >= 1
        assert flow.rtp_received >= 1
        assert flow.rtcp_sent >= 1
        assert flow.received_from == [flow.remote]
    assert call.callee.rtcp_received + call.caller.rtcp_received >= 1
    [bye] = proxy.requests("BYE")
    assert bye.from_address.uri.user is not None
    assert bye.from_address.uri.user.startswith(hangup)
    assert [r.expires for r in proxy.requests("REGISTER")] == [3600, 3600, 0, 0]


def test_requests_in_the_dialog_go_to_the_contact_by_way_of_the_record_route() -> None:
    async def scenario() -> StubProxy:
        async with StubProxy.running() as proxy:
            await run(proxy, headers=[("X-Ng-Path", "direct")])
            return proxy

    proxy = asyncio.run(scenario())
    [invite] = proxy.requests("INVITE")
    [ack] = proxy.requests("ACK")
    [bye] = proxy.requests("BYE")
    contact = next(
        m.contact[0].uri
        for m in proxy.seen
        if isinstance(m, sipmessage.Response) and m.code == 200 and m.cseq.method == "INVITE"
    )
    assert invite.uri.user == bye.to_address.uri.user
    assert ack.uri == bye.uri == contact
    assert ack.via[-1].parameters["branch"] != invite.via[-1].parameters["branch"]
    assert invite.headers.get("X-Ng-Path") == bye.headers.get("X-Ng-Path") == "direct"


def test_calls_share_two_users_with_a_bounded_number_at_once() -> None:
    async def scenario() -> tuple[BatchResult, list[int]]:
        under_way = []

        def progress(tally: Tally) -> None:
            under_way.append(tally.under_way)

        async with StubProxy.running() as proxy:
            hurry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            plan = plan_for(proxy.address, calls=6, at_once=3, hangup="alternate")
            return await run_batch(plan, hurry=hurry, progress=progress), under_way

    result, under_way = asyncio.run(scenario())
    assert [call.failure for call in result.calls] == [""] * 6
    assert all(call.rtp_ok for call in result.calls)
    assert len({call.call_id for call in result.calls}) == 6
    assert sorted(call.hangup for call in result.calls) == ["callee"] * 3 + ["caller"] * 3
    assert max(under_way) == 3


def test_a_slow_bye_is_measured_from_its_first_transmission(quick_timers: None) -> None:
    async def scenario() -> tuple[BatchResult, StubProxy]:
        async with StubProxy.running() as proxy:
            proxy.hold_s["BYE"] = 0.3
            return await run(proxy), proxy

    result, proxy = asyncio.run(scenario())
    [call] = result.calls
    assert call.bye is not None
    assert call.bye.ms >= 300
    assert len(proxy.requests("BYE")) > 1
    assert len({bye.via[-1].parameters["branch"] for bye in proxy.requests("BYE")}) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (404, "INVITE: 404 Not Found"),
        (486, "INVITE: 486 Busy Here"),
        (503, "INVITE: 503 Service Unavailable"),
    ],
)
def test_a_refused_call_is_a_result_in_words(code: int, words: str) -> None:
    async def scenario() -> tuple[BatchResult, StubProxy]:
        async with StubProxy.running() as proxy:
            proxy.refuse = code
            return await run(proxy), proxy

    result, proxy = asyncio.run(scenario())
    [call] = result.calls
    assert call.failure == words
    assert call.invite.status == code
    assert call.bye is None
    assert call.callee is None
    assert not call.rtp_ok
    # Acknowledged within the transaction: same branch, same target as the INVITE.
    [invite], [ack] = proxy.requests("INVITE"), proxy.requests("ACK")
    assert (ack.uri, ack.via[0].parameters["branch"]) == (
        invite.uri,
        invite.via[0].parameters["branch"],
    )


def test_an_invite_without_a_final_response_is_cancelled(brief_end: None) -> None:
    async def scenario() -> tuple[BatchResult, StubProxy]:
        async with StubProxy.running() as proxy:
            # The callee's responses never reach the caller, but the proxy's 100 does.
            proxy.intercept = lambda m: isinstance(m, sipmessage.Response)
            return await run(proxy, timeout_s=0.2), proxy

    result, proxy = asyncio.run(scenario())
    [call] = result.calls
    assert call.failure == "INVITE: only a provisional response within 0.2 s, given up"
    assert call.invite.status is None
    assert call.invite.ms >= 200
    [cancel] = proxy.requests("CANCEL")
    assert cancel.call_id == call.call_id


def test_a_call_that_is_answered_after_it_was_given_up_is_hung_up() -> None:
    async def scenario() -> StubProxy:
        held: list[sipmessage.Response] = []

        async with StubProxy.running() as proxy:

            def intercept(message: Any) -> bool:
                if isinstance(message, sipmessage.Response):
                    held.append(message)
                    return True
                if message.method == "CANCEL":
                    for response in held:
                        proxy.forward_response(response)
                    held.clear()
                    proxy.intercept = lambda m: False
                return False

            proxy.intercept = intercept
            await run(proxy, timeout_s=0.2)
            return proxy

    proxy = asyncio.run(scenario())
    assert len(proxy.requests("ACK")) >= 1
    assert len(proxy.requests("BYE")) == 1


def test_an_invite_nobody_reacts_to_is_not_cancelled(brief_end: None) -> None:
    async def scenario() -> tuple[BatchResult, StubProxy]:
        async with StubProxy.running() as proxy:
            proxy.hold_s["INVITE"] = 60
            return await run(proxy, timeout_s=0.2), proxy

    result, proxy = asyncio.run(scenario())
    assert result.calls[0].failure == "INVITE: no response within 0.2 s"
    assert proxy.requests("CANCEL") == []


def test_a_bye_that_is_never_answered_is_a_result() -> None:
    async def scenario() -> BatchResult:
        async with StubProxy.running() as proxy:
            proxy.hold_s["BYE"] = 60
            return await run(proxy, timeout_s=0.2)

    [call] = asyncio.run(scenario()).calls
    assert call.failure == "BYE: no response within 0.2 s"
    assert call.bye is not None
    assert call.bye.status is None
    assert call.rtp_ok


@pytest.mark.parametrize("lost", ["INVITE 200", "BYE 200", "INVITE", "BYE", "ACK"])
def test_one_lost_message_is_made_good(lost: str, quick_timers: None) -> None:
    async def scenario() -> tuple[BatchResult, list[str]]:
        losses: list[str] = []

        def lose(message: Any) -> bool:
            is_response = isinstance(message, sipmessage.Response)
            name = f"{message.cseq.method} {message.code}" if is_response else message.method
            if name == lost and not losses:
                losses.append(name)
                return True
            return False

        async with StubProxy.running() as proxy:
            proxy.intercept = lose
            return await run(proxy), losses

    result, losses = asyncio.run(scenario())
    assert losses == [lost]
    assert result.calls[0].failure == ""


def test_the_bystander_keeps_asking_while_nobody_answers() -> None:
    async def scenario() -> BatchResult:
        async with StubProxy.running() as proxy:
            proxy.hold_s["OPTIONS"] = 0.25
            return await run(proxy, media_s=0.4, bystander_s=0.05)

    result = asyncio.run(scenario())
    starts = [transaction.start_ms for transaction in result.bystander]
    assert len(starts) >= 7
    assert starts == sorted(starts)
    assert all(t.method == "OPTIONS" and t.status == 200 for t in result.bystander)
    assert all(t.ms >= 250 for t in result.bystander)


def test_the_bystander_reports_what_was_never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slowbye.sip.batch.GRACE_S", 0.1)
    monkeypatch.setattr("slowbye.sip.transactions.BRIEFLY_S", 0.1)

    async def scenario() -> BatchResult:
        async with StubProxy.running() as proxy:
            proxy.hold_s["OPTIONS"] = 60
            return await run(proxy, bystander_s=0.05)

    result = asyncio.run(scenario())
    assert result.bystander
    assert all(t.status is None and t.ms >= 100 for t in result.bystander)


def test_an_interrupted_batch_hangs_up_and_places_no_more_calls() -> None:
    async def scenario() -> tuple[BatchResult, StubProxy]:
        loop = asyncio.get_running_loop()
        hurry: asyncio.Future[None] = loop.create_future()

        def interrupt_when_acknowledged(message: Any) -> bool:
            if isinstance(message, sipmessage.Request) and message.method == "ACK":
                loop.call_later(0.1, hurry.set_result, None)
            return False

        async with StubProxy.running() as proxy:
            proxy.intercept = interrupt_when_acknowledged
            plan = plan_for(proxy.address, calls=5, media_s=60)
            return await run_batch(plan, hurry=hurry), proxy

    result, proxy = asyncio.run(scenario())
    [call] = result.calls
    assert call.failure == ""
    assert call.rtp_ok
    assert len(proxy.requests("BYE")) == 1
    assert [r.expires for r in proxy.requests("REGISTER")][-2:] == [0, 0]


def test_a_lost_connection_ends_the_calls_at_once() -> None:
    async def scenario() -> BatchResult:
        async with StubProxy.running("tcp") as proxy:

            def hang_up_on_clients(message: Any) -> bool:
                if isinstance(message, sipmessage.Request) and message.method == "BYE":
                    for connection in proxy.connections:
                        connection.abort()
                    return True
                return False

            proxy.intercept = hang_up_on_clients
            return await run(proxy)

    [call] = asyncio.run(scenario()).calls
    assert call.failure.startswith("BYE: the connection to the proxy was lost")
    assert call.bye is not None
    assert call.bye.ms < 1000


def test_a_refused_registration_is_an_error() -> None:
    async def scenario() -> None:
        async with StubProxy.running() as proxy:

            def refuse(message: Any) -> bool:
                if isinstance(message, sipmessage.Request) and message.method == "REGISTER":
                    port = message.via[0].port
                    proxy.answer(message, 403, (proxy.address.host, port))
                    return True
                return False

            proxy.intercept = refuse
            await run(proxy)

    with pytest.raises(SlowbyeError, match=r"cannot register .* REGISTER: 403 Forbidden"):
        asyncio.run(scenario())


@pytest.mark.parametrize(
    ("transport", "words"), [("udp", "no proxy at"), ("tcp", "no TCP socket from")]
)
def test_a_proxy_that_is_not_there_is_an_error_at_once(transport: str, words: str) -> None:
    async def scenario() -> None:
        async with StubProxy.running(transport) as proxy:
            address = proxy.address
        hurry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(2):
            await run_batch(plan_for(address), hurry=hurry)

    with pytest.raises(SlowbyeError, match=f"{words}.*Connection refused"):
        asyncio.run(scenario())


def test_a_result_survives_json() -> None:
    async def scenario() -> BatchResult:
        async with StubProxy.running() as proxy:
            return await run(proxy, calls=2, bystander_s=0.05)

    result = asyncio.run(scenario())
    assert BatchResult.from_json(json.loads(json.dumps(result.to_json()))) == result
