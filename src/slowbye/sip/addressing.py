"""What people type about addresses and headers, checked."""

import re
import socket
from collections.abc import Iterable

import sipmessage
from sipua import TransportAddress

from slowbye.errors import SlowbyeError

_PROXY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]]+))(?::(?P<port>[0-9]{1,5}))?"
)

# RFC 3261 §25.1: token; and a value without control characters, which could end the line.
_HEADER = re.compile(r"(?P<name>[A-Za-z0-9.!%*_+`'~-]+)[ \t]*:[ \t]*(?P<value>[^\x00-\x1f\x7f]*)")

SIP_PORT = 5060


def parse_proxy(text: str, transport: str) -> TransportAddress:
    """Read ``ADDR[:PORT]``: an IPv4 address, an IPv6 address in brackets, or a host name.

    Raises:
        SlowbyeError: it is none of these, or the name does not resolve.
    """
    match = _PROXY.fullmatch(text.strip())
    if match is None:
        raise SlowbyeError(
            f"--proxy {text!r}: expected ADDR or ADDR:PORT, such as 198.51.100.7:5060 or [::1]:5060"
        )
    port = int(match["port"] or SIP_PORT)
    if not 0 < port < 65536:
        raise SlowbyeError(f"--proxy {text!r}: port {port} is not between 1 and 65535")
    host = match["v6"] or match["host"]
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    try:
        found = socket.getaddrinfo(host, port, type=kind)
    except OSError as fault:
        raise SlowbyeError(
            f"--proxy {text!r}: {host} does not resolve ({fault.strerror})"
        ) from fault
    return TransportAddress(protocol=transport, host=str(found[0][4][0]), port=port)


def url_host(address: str) -> str:
    """Write an address as a SIP URI's host: IPv6 in brackets (RFC 3261 §25.1)."""
    return f"[{address}]" if ":" in address else address


def host_port(host: str, port: int) -> str:
    """Write ``ADDR:PORT``, unambiguously."""
    return f"{url_host(host)}:{port}"


def parse_domain(text: str) -> str:
    """Check the host part of the users' addresses.

    Raises:
        SlowbyeError: no SIP URI can have it as its host.
    """
    try:
        host = sipmessage.URI.parse(f"sip:{text}").host
    except ValueError:
        host = ""
    if host != text:
        raise SlowbyeError(f"--domain {text!r}: expected a host name or an address")
    return text


def local_address(proxy: TransportAddress) -> str:
    """Return the local address that packets to the proxy leave from.

    Raises:
        SlowbyeError: there is no route.
    """
    family = socket.AF_INET6 if ":" in proxy.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((proxy.host, proxy.port))
            return str(probe.getsockname()[0])
    except OSError as fault:
        raise SlowbyeError(f"no route to the proxy {proxy.host}: {fault.strerror}") from fault


def parse_headers(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Read ``Name: value`` lines.

    Raises:
        SlowbyeError: a line is not a header.
    """
    headers = []
    for line in lines:
        match = _HEADER.fullmatch(line.strip())
        if match is None:
            raise SlowbyeError(
                f"--header {line!r}: expected 'Name: value', such as 'X-Ng-Path: direct'"
            )
        headers.append((match["name"], match["value"].strip()))
    return headers
