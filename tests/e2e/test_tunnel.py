"""The tunnel in the lab, with real rtpengine behind it and a real proxy before it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ng_load import load

import tunnel_links
from faults.outcome import Gap
from one_call import place_one
from slowbye.hosts import Host, Inventory
from slowbye.reproduce.playbook import play

Note = Callable[..., None]

PORT = 2223
UNITS = "ngtunnel@*.service"

_KILLS = 2
_PAUSE_S = 3.0
_BACK_S = 1.5
"""By when a killed server carries again: restart 0.1 s, start-up 0.35 s, back-off, handshake."""
_RETURN_S = 3.0
"""And after a silence: an attempt may just have begun (1.5 s), a pause before the next (2 s)."""

_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
except OSError as error:
    print(type(error).__name__)
else:
    print("connected")
"""
_PING = """
import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(2)
try:
    asking.connect((sys.argv[1], int(sys.argv[2])))
    asking.send(b"1_1 d7:command4:pinge")
    print(asking.recv(65536).decode())
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def sip(lab: Inventory) -> Host:
    return lab.first("sip")


@pytest.fixture
def media(lab: Inventory) -> Host:
    return lab.first("media")


@pytest.fixture
def stranger(lab: Inventory) -> Host:
    return lab.first("clients")


@pytest.fixture
def all_paths(lab: Inventory, tmp_path: Path) -> None:
    """Have the proxy use them all: one that started while UDP was blocked has given up `direct`."""
    play(lab.path, "fresh", {}, tmp_path / "fresh.log")
    tunnel_links.wait_until_up(lab)


@pytest.fixture
def node(sip: Host) -> str:
    """Where the proxy reaches the first rtpengine through the tunnel."""
    sets = {each["name"]: each["nodes"] for each in sip.variables["sip_proxy_rtpengine_sets"]}
    return str(sets["ngtunnel"][0])


@pytest.fixture
def note(
    request: pytest.FixtureRequest, record_testsuite_property: Callable[[str, object], None]
) -> Note:
    """Put a test's figures into the JUnit report."""

    def note(figures: dict[str, float], **more: float) -> None:
        record_testsuite_property(request.node.name, json.dumps(figures | more))

    return note


def test_only_proxy_hosts_reach_the_tunnel(sip: Host, media: Host, stranger: Host) -> None:
    assert _python(sip, _CONNECT, media.address, PORT) == "connected"
    assert _python(stranger, _CONNECT, media.address, PORT) == "ConnectionRefusedError"


def test_a_stranger_does_not_reach_rtpengine(sip: Host, media: Host, stranger: Host) -> None:
    assert "4:pong" in _python(sip, _PING, media.address, PORT)
    assert "pong" not in _python(stranger, _PING, media.address, PORT)


def test_the_proxy_host_reaches_rtpengine_through_the_tunnel(
    sip: Host, media: Host, node: str
) -> None:
    address, _, port = node.removeprefix("udp:").rpartition(":")
    assert "4:pong" in _python(sip, _PING, address, int(port))
    with _silenced(media):
        answer = _python(sip, _PING, address, int(port))
    assert "pong" not in answer, "this was no answer of that host's rtpengine"


def test_status_shows_every_link_up_on_both_hosts(lab: Inventory) -> None:
    tunnel_links.wait_until_up(lab)


def test_a_call_report_through_the_tunnel_crosses_the_wan_unfragmented(
    all_paths: None, sip: Host, media: Host, stranger: Host
) -> None:
    reports = ["-i", "lo", f"udp src port {PORT} and greater 1500"]
    fragments = ["-i", "public0", "ip[6:2] & 0x3fff != 0"]
    with _captured(media, reports) as large, _captured(media, fragments) as cut:
        tunnelled = place_one(stranger, sip, "ngtunnel", media="3s", media_ms=3000)
    assert not tunnelled.calls[0].failure
    assert large, "the call report was no larger than an MTU"
    assert cut == []
    # The same call without the tunnel shows that the capture would have seen them.
    with _captured(media, fragments) as cut:
        direct = place_one(stranger, sip, "direct", media="3s", media_ms=3000)
    assert not direct.calls[0].failure
    assert cut


def test_a_killed_client_loses_no_command(sip: Host, node: str, note: Note) -> None:
    with load(sip, node, 3.0 * _KILLS) as outcome:
        for _ in range(_KILLS):
            time.sleep(1)
            _kill(sip)
            time.sleep(1.5)
    note(outcome.figures)
    # It may have died after it sent a reply and before it noted that: once for each death.
    outcome.nothing_lost(twice=_KILLS)


def test_a_killed_server_costs_errors_at_once_and_nothing_else(
    sip: Host, media: Host, node: str, note: Note
) -> None:
    gaps = []
    with load(sip, node, 3.0 * _KILLS) as outcome:
        for _ in range(_KILLS):
            time.sleep(1)
            killed = time.monotonic()
            _kill(media)
            dead = time.monotonic()
            gaps.append(Gap(killed, dead + _BACK_S, known=dead))
            time.sleep(1.5)
    note(outcome.figures, error_late_max_ms=outcome.latest_error_ms(*gaps))
    assert outcome.figures["error"], "there was no outage to be seen"
    outcome.only_errors_in(*gaps)


def test_a_media_host_that_stands_still_costs_errors_until_it_is_back(
    sip: Host, media: Host, node: str, note: Note
) -> None:
    with load(sip, node, 1 + _PAUSE_S + _RETURN_S + 0.5) as outcome:
        time.sleep(1)
        begun = time.monotonic()
        subprocess.run(["podman", "pause", media.target], check=True, capture_output=True)
        try:
            time.sleep(_PAUSE_S)
        finally:
            subprocess.run(["podman", "unpause", media.target], check=True, capture_output=True)
        gap = Gap.silent(begun, time.monotonic() + _RETURN_S)
    note(outcome.figures, error_late_max_ms=outcome.latest_error_ms(gap))
    assert outcome.figures["error"], "the host did not stand still"
    outcome.only_errors_in(gap)


def _python(host: Host, program: str, address: str, port: int) -> str:
    return host.run(["python3", "-c", program, address, str(port)]).stdout.strip()


def _kill(host: Host) -> None:
    done = host.run(["systemctl", "kill", "--signal=KILL", UNITS])
    assert done.returncode == 0, done.stderr


@contextmanager
def _silenced(media: Host) -> Iterator[None]:
    """Let a host's rtpengine be there and say nothing."""
    media.run(["systemctl", "kill", "--signal=STOP", "rtpengine-daemon"])
    try:
        yield
    finally:
        media.run(["systemctl", "kill", "--signal=CONT", "rtpengine-daemon"])


@contextmanager
def _captured(host: Host, expression: list[str]) -> Iterator[list[str]]:
    """Capture; the packets, as tcpdump writes them, are there when the block ends."""
    process = host.popen(["tcpdump", "-nn", "-l", "--immediate-mode", *expression])
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    packets: list[str] = []
    try:
        while b"listening on" not in (line := process.stderr.readline()):
            assert line, "tcpdump did not start"
        yield packets
        time.sleep(0.2)
    finally:
        process.stdin.close()
        packets += [line.decode() for line in process.stdout.read().splitlines() if line]
        process.wait()
