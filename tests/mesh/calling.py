"""Calls through all proxies of the lab at once, and when each was begun."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from slowbye.hosts import Host, Inventory
from slowbye.reproduce.calls import Calls, place
from slowbye.sip.result import BatchResult, CallResult, Transaction

PATH = "X-Ng-Path: ngtunnel"

_CALLS = Calls(number=105, at_once=3, media="200ms", media_ms=200, transport="udp")
_TIMEOUT = ["--timeout", "10s"]
_INVITE = "udp dst port 5060 and dst host {} and udp[8:4] = 0x494e5649"
_FIRST_S = 30.0


@dataclass
class Calling:
    """The calls through one proxy.

    Attributes:
        proxy: which.
        first_at: when its first INVITE was sent, in seconds since the epoch; None before.
        result: what was measured; None until all have ended.
    """

    proxy: Host
    first_at: float | None = None
    result: BatchResult | None = None
    fault: list[BaseException] = field(default_factory=list)

    @property
    def calls(self) -> list[CallResult]:
        """The calls, in the order of their INVITEs."""
        assert self.result is not None
        return self.result.calls

    @property
    def bystander(self) -> list[Transaction]:
        """The OPTIONS of a third client."""
        assert self.result is not None
        return self.result.bystander

    def begun_at(self, call: CallResult) -> float:
        """Return when a call's INVITE was sent, in seconds since the epoch."""
        assert self.first_at is not None
        return self.first_at + (call.invite.start_ms - self.calls[0].invite.start_ms) / 1000

    def begun(self, after: float) -> list[CallResult]:
        """Return the calls begun after a moment, which is in seconds since the epoch."""
        return [call for call in self.calls if self.begun_at(call) > after]

    def place(self, client: Host) -> None:
        """Place the calls; a fault is kept for whoever waits."""
        argv = [*_CALLS.command_line(self.proxy.address, PATH), *_TIMEOUT]
        try:
            self.result = place(client, _CALLS, argv, lambda _: None)[0]
        except BaseException as fault:
            self.fault.append(fault)


@contextmanager
def calling(lab: Inventory) -> Iterator[list[Calling]]:
    """Run the block once calls are under way through every proxy; wait for their end after it."""
    client = lab.first("clients")
    callings = [Calling(proxy) for proxy in lab.group("sip")]
    with ExitStack() as stack:
        watches = [stack.enter_context(_first_invite(client, each.proxy)) for each in callings]
        lines = [threading.Thread(target=each.place, args=(client,)) for each in callings]
        for line in lines:
            line.start()
        for each, watch in zip(callings, watches, strict=True):
            each.first_at = next(watch)
        try:
            yield callings
        finally:
            for line in lines:
                line.join()
    for each in callings:
        assert not each.fault, f"calls through {each.proxy.name}: {each.fault[0]}"


@contextmanager
def _first_invite(client: Host, proxy: Host) -> Iterator[Iterator[float]]:
    """Watch; the iterator waits for the first INVITE to a proxy and says when it was."""
    what = ["-tt", "-nn", "-l", "-c", "1", "--immediate-mode", "-i", "public0"]
    process = client.popen(["tcpdump", *what, _INVITE.format(proxy.address)])
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    leash = threading.Timer(_FIRST_S, process.stdin.close)
    leash.start()
    try:
        while b"listening on" not in (line := process.stderr.readline()):
            assert line, "tcpdump did not start"
        yield (float(line.split()[0]) for line in process.stdout if line.strip())
    finally:
        leash.cancel()
        process.stdin.close()
        process.wait()
