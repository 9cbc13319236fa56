"""``slowbye call``: place calls through a proxy and time every transaction."""

import asyncio
import json
import signal
import sys
from typing import Literal

import click

from slowbye.sip.addressing import local_address, parse_headers, parse_proxy
from slowbye.sip.batch import BatchPlan, run_batch
from slowbye.sip.result import BatchResult
from slowbye.units import parse_duration_ms

_INTERRUPTED = 128 + signal.SIGINT


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
        domain=domain or address.host,
        bind=bind or local_address(address),
        calls=calls,
        at_once=at_once,
        media_s=parse_duration_ms(media, "--media") / 1000,
        hangup=hangup,
        headers=parse_headers(headers),
        bystander_s=None
        if bystander is None
        else parse_duration_ms(bystander, "--bystander") / 1000,
        timeout_s=parse_duration_ms(timeout, "--timeout") / 1000,
    )
    result, interrupted = asyncio.run(_run(plan))
    click.echo(json.dumps(result.to_json(), indent=1))
    if interrupted:
        sys.exit(_INTERRUPTED)
    sys.exit(1 if any(call.failure for call in result.calls) else 0)


async def _run(plan: BatchPlan) -> tuple[BatchResult, bool]:
    loop = asyncio.get_running_loop()
    hurry: asyncio.Future[None] = loop.create_future()

    def interrupt() -> None:
        # A second Ctrl-C finds Python's own handler, and ends at once.
        loop.remove_signal_handler(signal.SIGINT)
        hurry.set_result(None)

    loop.add_signal_handler(signal.SIGINT, interrupt)
    return await run_batch(plan, hurry=hurry), hurry.done()
