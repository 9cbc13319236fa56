"""``slowbye call``: place calls through a proxy and time every transaction."""

import asyncio
import gc
import json
import os
import signal
import sys
from typing import Literal

import click
from rich.console import Console, RenderableType

from slowbye.errors import SlowbyeError
from slowbye.measure.percentiles import percentile
from slowbye.sip.addressing import (
    local_address,
    parse_domain,
    parse_headers,
    parse_proxy,
    url_host,
)
from slowbye.sip.batch import BatchPlan, run_batch
from slowbye.sip.bystander import MIN_INTERVAL_S
from slowbye.sip.loop_lag import LoopLag
from slowbye.sip.progress import shown
from slowbye.sip.result import BatchResult
from slowbye.sip.table import batch_tables
from slowbye.sip.transactions import TIMER_B_S
from slowbye.units import format_ms, parse_duration_ms

_INTERRUPTED = 128 + signal.SIGINT

_PIPE_COLUMNS = 140

# What one sees of an event loop's lag in a BYE's time; below this, nobody would.
_LATE_MS = 5.0


@click.command("call")
@click.option(
    "--proxy",
    envvar="SLOWBYE_PROXY",
    required=True,
    metavar="ADDR[:PORT]",
    show_envvar=True,
    help="Where every request goes.",
)
@click.option("--domain", help="Host part of the users' addresses.  [default: the proxy's address]")
@click.option(
    "--bind",
    metavar="ADDRESS",
    help="Local address of signalling and media.  [default: the one routed to the proxy]",
)
@click.option("--transport", type=click.Choice(["udp", "tcp"]), default="udp", show_default=True)
@click.option("--calls", type=click.IntRange(1), default=1, show_default=True, metavar="N")
@click.option(
    "--at-once",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="K",
    help="How many calls may be in progress at the same time.",
)
@click.option(
    "--media",
    default="2s",
    show_default=True,
    metavar="DURATION",
    help="How long each call exchanges RTP.",
)
@click.option(
    "--hangup",
    type=click.Choice(["caller", "callee", "alternate"]),
    default="caller",
    show_default=True,
    help="Who sends the BYE.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Added to INVITE, BYE and CANCEL; may be repeated.",
)
@click.option(
    "--bystander",
    metavar="INTERVAL",
    help="A third client sends OPTIONS to the proxy this often, such as 100ms.",
)
@click.option(
    "--timeout",
    default="32s",
    show_default=True,
    metavar="DURATION",
    help="How long a transaction may take; at most 32s (RFC 3261, Timers B and F).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the measurements as JSON.")
def command(
    proxy: str,
    domain: str | None,
    bind: str | None,
    transport: Literal["udp", "tcp"],
    calls: int,
    at_once: int,
    media: str,
    hangup: Literal["caller", "callee", "alternate"],
    headers: tuple[str, ...],
    bystander: str | None,
    timeout: str,
    as_json: bool,
) -> None:
    """Place calls through a SIP proxy, with real media, and time every transaction."""
    address = parse_proxy(proxy, transport)
    plan = BatchPlan(
        proxy=address,
        domain=parse_domain(domain) if domain else url_host(address.host),
        bind=bind or local_address(address),
        calls=calls,
        at_once=at_once,
        media_s=parse_duration_ms(media, "--media") / 1000,
        hangup=hangup,
        headers=parse_headers(headers),
        bystander_s=_interval_s(bystander),
        timeout_s=_timeout_s(timeout),
    )
    # What the imports left behind would otherwise be searched for garbage again in mid-call.
    gc.collect()
    gc.freeze()
    try:
        result, interrupted = asyncio.run(_run(plan))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=1))
    else:
        _print(batch_tables(result))
    if interrupted:
        click.echo("interrupted: these calls were measured before", err=True)
        sys.exit(_INTERRUPTED)
    silent = plan.media_s > 0 and not all(call.rtp_ok for call in result.calls)
    sys.exit(1 if silent or any(call.failure for call in result.calls) else 0)


def _print(tables: RenderableType) -> None:
    console = Console()
    # Into a file or a pipe, rich would squeeze the table into 80 columns.
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_COLUMNS
    console.print(tables)


def _timeout_s(text: str) -> float:
    timeout_s = parse_duration_ms(text, "--timeout") / 1000
    if not 0 < timeout_s <= TIMER_B_S:
        raise SlowbyeError(f"--timeout {text!r}: more than nothing and at most {TIMER_B_S:.0f}s")
    return timeout_s


def _interval_s(text: str | None) -> float | None:
    if text is None:
        return None
    interval_s = parse_duration_ms(text, "--bystander") / 1000
    if interval_s < MIN_INTERVAL_S:
        raise SlowbyeError(f"--bystander {text!r}: at least {MIN_INTERVAL_S * 1000:.0f}ms")
    return interval_s


async def _run(plan: BatchPlan) -> tuple[BatchResult, bool]:
    loop = asyncio.get_running_loop()
    hurry: asyncio.Future[None] = loop.create_future()

    def interrupt() -> None:
        # A second Ctrl-C finds Python's own handler, and ends at once.
        loop.remove_signal_handler(signal.SIGINT)
        hurry.set_result(None)

    loop.add_signal_handler(signal.SIGINT, interrupt)
    lag = LoopLag()
    lag.start()
    async with shown(plan.calls) as progress:
        result = await run_batch(plan, hurry=hurry, progress=progress)
    lag.stop()
    _warn_if_late(lag)
    return result, hurry.done()


def _warn_if_late(lag: LoopLag) -> None:
    if not lag.lags_ms:
        return
    late_ms = percentile(lag.lags_ms, 95)
    if late_ms > _LATE_MS:
        click.echo(
            f"slowbye: this host was busy, which lengthens the times: one event in twenty, such as "
            f"a request to the callee, was handled more than {format_ms(late_ms)} late, at worst "
            f"{format_ms(max(lag.lags_ms))}",
            err=True,
        )
