"""One call through the lab's proxy."""

from slowbye.hosts import Host
from slowbye.reproduce.calls import Calls, place
from slowbye.sip.result import BatchResult


def place_one(
    client: Host, proxy: Host, path: str, media: str = "200ms", media_ms: float = 200
) -> BatchResult:
    """Place a call and return what came of it.

    Args:
        client: the host that calls, and is called.
        proxy: the host it calls through.
        path: the name of the rtpengine set that the proxy is to use.
        media: how long the call talks, with its unit.
        media_ms: the same in milliseconds.

    Raises:
        SlowbyeError: the call could not be placed, as when the proxy does not answer.
    """
    calls = Calls(1, 1, media, media_ms, "udp")
    argv = [*calls.command_line(proxy.address, f"X-Ng-Path: {path}"), "--timeout", "4s"]
    return place(client, calls, argv, lambda _: None)[0]
