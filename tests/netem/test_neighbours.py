"""ARP and neighbour discovery are never impaired."""

import select
import socket
import subprocess
import time
from pathlib import Path

import pytest

from netem.router import Router, address
from netem.test_delay import put

_ALL_PROTOCOLS = 0x0003


def resolution_ms(router: Router, version: int) -> float:
    """From the sip host's ARP or neighbour request to the router's answer."""
    with router.at("sip"):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
        wire.bind(("eth0", _ALL_PROTOCOLS))
        subprocess.run(["ip", "neigh", "flush", "dev", "eth0"], check=True, capture_output=True)
    with wire:
        router.udp("sip", version).sendto(b"?", (address("sip", version, 254), 9))
        asked = None
        until = time.monotonic() + 5
        while select.select([wire], [], [], max(0.0, until - time.monotonic()))[0]:
            kind = _kind(wire.recv(2048))
            if kind == "request" and asked is None:
                asked = time.monotonic()
            if kind == "answer" and asked is not None:
                return (time.monotonic() - asked) * 1000
    raise AssertionError("not resolved within 5 s")


def _kind(frame: bytes) -> str | None:
    ethertype = frame[12:14]
    if ethertype == b"\x08\x06":
        return {1: "request", 2: "answer"}.get(frame[21])
    if ethertype == b"\x86\xdd" and frame[20] == 58:
        return {135: "request", 136: "answer"}.get(frame[54])
    return None


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("options", [{"delay": "1s"}, {"loss": "100%"}])
def test_resolution_is_instant_though_all_is_impaired(
    router: Router, nets_file: Path, version: int, options: dict[str, str]
) -> None:
    put(nets_file, impairment={"match": "all", **options}, between="any", rtt="400ms")
    assert resolution_ms(router, version) < 50


@pytest.mark.parametrize("version", [4, 6])
def test_resolution_does_not_wait_for_a_narrow_link(
    router: Router, nets_file: Path, version: int
) -> None:
    put(nets_file, "low-priority", settings=("rate=100kbit",))
    sender = router.udp("clients", 4)
    for _ in range(20):
        sender.sendto(bytes(1400), (address("sip", 4), 9))
    assert resolution_ms(router, version) < 50
