"""Calls through all proxies while something else lasts: many by SIPp, and a few with media."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sipp.sipp import Figures, Sipp
from slowbye.hosts import Host, Inventory
from slowbye.reproduce.calls import PROGRAM
from slowbye.sip.result import BatchResult, CallResult

RATE = 10
"""Calls that begin in a second, through all proxies together."""

_PATH = "ngtunnel"
_TALK_MS = 3000
_MEDIA = ["--at-once", "2", "--media", "8s", "--timeout", "20s", "--calls", "100000", "--json"]
_BEGUN_MS = 1000.0
_END_S = 60.0


@dataclass
class Load:
    """What came of it, once it has ended.

    Attributes:
        figures: what SIPp counted and timed, by proxy.
        calls: those with media.
    """

    figures: dict[str, Figures] = field(default_factory=dict)
    calls: list[CallResult] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Return why calls with media failed, but for those that had just begun when all ended."""
        return [
            call.failure
            for call in self.calls
            if call.failure and not ("interrupted" in call.failure and call.invite.ms < _BEGUN_MS)
        ]

    @property
    def gaps(self) -> list[str]:
        """Return the calls in which a party got less than it was sent, and what it got."""
        return [
            f"{call.call_id}: {heard.rtp_received} of {said.rtp_sent}"
            for call in self.calls
            for heard, said in ((call.caller, call.callee), (call.callee, call.caller))
            if heard and said and heard.rtp_received < 0.98 * said.rtp_sent
        ]


@contextmanager
def load(lab: Inventory) -> Iterator[Load]:
    """Begin ten calls a second, run the block, and wait until the last of them has ended."""
    client = lab.first("clients")
    proxies = lab.group("sip")
    result = Load()
    placed: dict[str, list[Figures]] = {}
    with ExitStack() as stack:
        for index, proxy in enumerate(proxies):
            port = 5080 + 2 * index
            caller, callee = (
                Sipp(client, f"{proxy.address}:5060", own, f"load-{port}", client.address, _PATH)
                for own in (port, port + 1)
            )
            assert callee.run("register", calls=1, rate=1, pause_ms=0).failed == 0
            stack.enter_context(callee.serving("answer"))
            placing = caller.placing("call", rate=RATE // len(proxies), pause_ms=_TALK_MS)
            placed[proxy.name] = stack.enter_context(placing)
            stack.enter_context(_with_media(client, proxy, result))
        yield result
    result.figures = {name: figures[0] for name, figures in placed.items()}


@contextmanager
def _with_media(client: Host, proxy: Host, result: Load) -> Iterator[None]:
    mark = f"/run/rolling-{proxy.name}.pid"
    remember = 'echo $$ >"$1" && shift && exec "$@"'
    call = [PROGRAM, "call", "--proxy", proxy.address, "--header", f"X-Ng-Path: {_PATH}", *_MEDIA]
    process = client.popen(["sh", "-c", remember, "sh", mark, *call])
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None
    assert stdout is not None
    assert stderr is not None
    said: list[bytes] = []
    readers = [
        threading.Thread(target=lambda: said.insert(0, stdout.read())),
        threading.Thread(target=lambda: said.append(stderr.read())),
    ]
    for reader in readers:
        reader.start()
    try:
        yield
        # It ends the calls that are under way, and says what it measured.
        client.run(["sh", "-c", f"kill -INT $(cat {mark})"])
        process.wait(_END_S)
    finally:
        stdin.close()
        process.wait()
        for reader in readers:
            reader.join()
    output = next((each for each in said if each.startswith(b"{")), b"")
    assert output, f"slowbye call through {proxy.name}: {said}"
    result.calls += BatchResult.from_json(json.loads(output)).calls
