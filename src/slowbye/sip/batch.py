"""Many calls between two users, a bounded number at once, beside a bystander."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sipua import TransportAddress

from slowbye.errors import SlowbyeError
from slowbye.sip.addressing import host_port
from slowbye.sip.bystander import GRACE_S, Bystander
from slowbye.sip.clock import Clock
from slowbye.sip.leg import Headers
from slowbye.sip.place_call import CallPlan, Telephone
from slowbye.sip.reachability import refusal
from slowbye.sip.result import BatchResult, CallResult, HangupSide, Transaction
from slowbye.sip.user_agent import Site, UserAgent
from slowbye.sip.wording import explain

EXPIRES_S = 3600

# Calls that began in the same millisecond would end in the same one, and wait for each other in
# this process. Far less than any impairment, so that slow BYEs still overlap.
STAGGER_S = 0.020


@dataclass(frozen=True)
class BatchPlan:
    """What a batch is to be like.

    Attributes:
        proxy: its address, and "udp" or "tcp".
        bind: the local address of signalling and media.
        at_once: how many calls may be in progress at the same time.
        media_s: how long each call exchanges RTP.
        headers: added to INVITE, BYE and CANCEL.
        bystander_s: the interval of the bystander's OPTIONS; None for no bystander.
        timeout_s: bounds each transaction.
    """

    proxy: TransportAddress
    domain: str
    bind: str
    calls: int
    at_once: int
    media_s: float
    hangup: Literal["caller", "callee", "alternate"]
    headers: Headers
    bystander_s: float | None
    timeout_s: float

    def sides(self) -> Iterator[HangupSide]:
        """Return who hangs up each call."""
        for index in range(self.calls):
            if self.hangup == "alternate":
                yield "callee" if index % 2 else "caller"
            else:
                yield self.hangup


@dataclass
class Tally:
    """How far a batch is, in calls."""

    under_way: int = 0
    ended: int = 0
    failed: int = 0


async def run_batch(
    plan: BatchPlan,
    *,
    hurry: "asyncio.Future[None]",
    progress: Callable[[Tally], None] = lambda _: None,
) -> BatchResult:
    """Register two users, place the calls, and return what was measured.

    Args:
        plan: the batch.
        hurry: resolve it to end early: calls in progress are hung up, no more are placed.
        progress: told how far the batch is, as each call begins and ends.

    Raises:
        SlowbyeError: no socket, or the proxy does not accept the registrations.
    """
    site = Site(
        proxy=plan.proxy,
        domain=plan.domain,
        bind=plan.bind,
        timeout_s=plan.timeout_s,
        clock=Clock(),
        hurry=hurry,
    )
    # Two batches at the same proxy must not answer each other's calls.
    suffix = secrets.token_hex(3)
    caller, callee = (UserAgent(site, f"{role}-{suffix}") for role in ("caller", "callee"))
    bystander: list[Transaction] = []
    try:
        async with contextlib.AsyncExitStack() as stack:
            for client in (caller, callee):
                stack.push_async_callback(client.close)
                await client.open()
            registers = await _register(site, caller, callee)
            watcher = None
            if plan.bystander_s is not None:
                watcher = await Bystander.start(site, plan.bystander_s)
            telephone = Telephone(site, caller, callee)
            try:
                calls = await _place_all(plan, telephone, hurry, progress)
            finally:
                if watcher is not None:
                    bystander = await watcher.stop(grace_s=0 if hurry.done() else GRACE_S)
            await telephone.tidy()
            await asyncio.gather(caller.register(0), callee.register(0))
    except OSError as fault:
        raise SlowbyeError(_no_socket(plan, fault)) from fault
    return BatchResult(
        proxy=host_port(plan.proxy.host, plan.proxy.port),
        transport=plan.proxy.protocol,
        registers=registers,
        calls=calls,
        bystander=bystander,
    )


async def _register(site: Site, caller: UserAgent, callee: UserAgent) -> list[Transaction]:
    where = f"{host_port(site.proxy.host, site.proxy.port)} over {site.proxy.protocol.upper()}"
    registering = asyncio.gather(caller.register(EXPIRES_S), callee.register(EXPIRES_S))
    if site.proxy.protocol == "udp":
        async with refusal(site.proxy, site.bind) as refused:
            awaited: set[asyncio.Future[Any]] = {registering, refused}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if refused.done() and not registering.done():
                registering.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await registering
                reason = refused.result().strerror
                raise SlowbyeError(f"no proxy at {where}: {reason}")
    exchanges = await registering
    for exchange in exchanges:
        if failure := explain(exchange, site.hurry.done()):
            raise SlowbyeError(f"cannot register at the proxy {where}: {failure}")
    return [exchange.measured for exchange in exchanges]


async def _place_all(
    plan: BatchPlan,
    telephone: Telephone,
    hurry: "asyncio.Future[None]",
    progress: Callable[[Tally], None],
) -> list[CallResult]:
    sides = plan.sides()
    calls: list[CallResult] = []
    tally = Tally()

    async def line(index: int) -> None:
        await asyncio.wait({hurry}, timeout=index * STAGGER_S)
        for side in sides:
            if hurry.done():
                return
            tally.under_way += 1
            progress(tally)
            call = await telephone.place(CallPlan(side, plan.media_s, plan.headers))
            calls.append(call)
            tally.under_way -= 1
            tally.ended += 1
            tally.failed += bool(call.failure)
            progress(tally)

    async with asyncio.TaskGroup() as lines:
        for index in range(min(plan.at_once, plan.calls)):
            lines.create_task(line(index))
    return sorted(calls, key=lambda call: call.invite.start_ms)


def _no_socket(plan: BatchPlan, fault: OSError) -> str:
    where = f"from {plan.bind} to {host_port(plan.proxy.host, plan.proxy.port)}"
    # asyncio puts the addresses into strerror; the error number says why.
    reason = os.strerror(fault.errno) if fault.errno else str(fault)
    return f"no {plan.proxy.protocol.upper()} socket {where}: {reason}"
