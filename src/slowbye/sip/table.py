"""A batch as a person reads it: one row for each call, then the middle, the tail and the worst."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table

from slowbye.measure.percentiles import summarize
from slowbye.sip.result import BatchResult, CallResult, MediaFlow, Transaction
from slowbye.units import format_ms

_NONE = "–"  # noqa: RUF001


def batch_tables(result: BatchResult) -> RenderableType:
    """Return the tables of a batch."""
    return Group(_calls(result), _summary(result))


def outcome(call: CallResult) -> str:
    """Say in words how a call went."""
    if call.failure:
        return call.failure
    if call.rtp_ok:
        return "ok"
    deaf = [
        side
        for side, flow in (("caller", call.caller), ("callee", call.callee))
        if flow is None or not flow.rtp_received
    ]
    return f"no RTP reached the {' or the '.join(deaf)}"


def _calls(result: BatchResult) -> Table:
    table = Table(title=f"Calls through {result.proxy} over {result.transport.upper()}")
    for heading in ("#", "setup", "BYE"):
        table.add_column(heading, justify="right")
    for heading in ("hung up by", "RTP out/in", "RTCP out/in"):
        table.add_column(heading)
    table.add_column("media came from", no_wrap=True)
    table.add_column("result")
    for number, call in enumerate(result.calls, 1):
        flows = [call.caller, call.callee]
        table.add_row(
            str(number),
            _time(call.invite),
            _time(call.bye),
            call.hangup,
            "\n".join(_packets(flow, "rtp") for flow in flows),
            "\n".join(_packets(flow, "rtcp") for flow in flows),
            "\n".join(source for flow in flows if flow for source in flow.received_from) or _NONE,
            outcome(call),
            style="red" if outcome(call) != "ok" else None,
        )
    return table


def _summary(result: BatchResult) -> Table:
    table = Table()
    table.add_column("")
    for heading in ("count", "p50", "p99", "max", "unanswered"):
        table.add_column(heading, justify="right")
    _summary_row(table, "setup", (call.invite for call in result.calls))
    _summary_row(table, "BYE", (call.bye for call in result.calls if call.bye))
    if result.bystander:
        _summary_row(table, "bystander's OPTIONS", result.bystander)
    return table


def _summary_row(table: Table, name: str, transactions: Iterable[Transaction]) -> None:
    transactions = list(transactions)
    times = summarize(transaction.ms for transaction in transactions)
    table.add_row(
        name,
        str(len(transactions)),
        *(_NONE if ms is None else format_ms(ms) for ms in (times.p50, times.p99, times.max)),
        str(sum(transaction.status is None for transaction in transactions)),
    )


def _time(transaction: Transaction | None) -> str:
    return _NONE if transaction is None else format_ms(transaction.ms)


def _packets(flow: MediaFlow | None, kind: str) -> str:
    if flow is None:
        return _NONE
    return f"{getattr(flow, f'{kind}_sent')}/{getattr(flow, f'{kind}_received')}"
