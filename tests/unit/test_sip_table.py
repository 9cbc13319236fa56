import dataclasses
import io

from rich.console import Console

from slowbye.sip.result import BatchResult, CallResult, MediaFlow, Transaction
from slowbye.sip.table import batch_tables, outcome

FLOW = MediaFlow("192.0.2.1:3000", ["192.0.2.1:3000"], 100, 99, 3, 2)
CALL = CallResult(
    call_id="a",
    hangup="caller",
    failure="",
    invite=Transaction("INVITE", 0.0, 12.4, 200),
    bye=Transaction("BYE", 2000.0, 4021.0, 200),
    caller=FLOW,
    callee=FLOW,
    rtp_ok=True,
)


def shown(result: BatchResult) -> str:
    console = Console(width=140, file=io.StringIO())
    with console.capture() as capture:
        console.print(batch_tables(result))
    return capture.get()


def test_a_call_is_one_row_and_the_summary_has_its_percentiles() -> None:
    asked = [Transaction("OPTIONS", float(i), float(i), 200) for i in range(1, 101)]
    unanswered = Transaction("OPTIONS", 200.0, 5000.0, None)
    text = shown(BatchResult("192.0.2.9:5060", "udp", [], [CALL], [*asked, unanswered]))
    [row] = [line for line in text.splitlines() if "4.02 s" in line and "caller" in line]
    assert "100/99" in row
    assert "192.0.2.1:3000" in row
    [summary] = [line for line in text.splitlines() if "OPTIONS" in line]
    cells = [cell.strip() for cell in summary.strip("│ ").split("│")]
    assert cells == ["bystander's OPTIONS", "101", "51 ms", "100 ms", "5.00 s", "1"]


def test_a_failed_call_shows_its_reason() -> None:
    failed = dataclasses.replace(
        CALL, failure="INVITE: 503 Service Unavailable", bye=None, callee=None, rtp_ok=False
    )
    assert "INVITE: 503 Service Unavailable" in shown(
        BatchResult("192.0.2.9:5060", "udp", [], [failed])
    )


def test_a_call_without_rtp_says_who_heard_nothing() -> None:
    deaf = dataclasses.replace(FLOW, rtp_received=0)
    call = dataclasses.replace(CALL, callee=deaf, rtp_ok=False)
    assert outcome(call) == "no RTP reached the callee"
    assert (
        outcome(dataclasses.replace(call, caller=deaf)) == "no RTP reached the caller or the callee"
    )
    assert outcome(CALL) == "ok"
