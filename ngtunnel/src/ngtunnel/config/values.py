"""Single values of the configuration: each reader takes what TOML gave and returns what it means.

A reader knows neither file nor key. It raises `NotAllowedError` with what *is* allowed, and whoever
called it adds where.
"""

import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ngtunnel.errors import ConfigError

Reader: TypeAlias = Callable[[Any], Any]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_ADDRESS_AND_PORT = re.compile(r"(?:\[(?P<v6>[^][]+)\]|(?P<host>[^][:]+)):(?P<port>[0-9]{1,5})")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE)
_NUMBERS_AND_DOTS = re.compile(r"[0-9.]+")

_SHOWN_CHARACTERS = 60


class NotAllowedError(ValueError):
    """A value is not allowed; the message says what is."""


class Address(NamedTuple):
    """A host, as a literal IPv4 or IPv6 address or a name, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def number(low: float, high: float, *, per: int = 1) -> Reader:
    """Read a number from ``low`` to ``high``, both allowed, and divide it by ``per``."""

    def read(value: Any) -> float:
        if type(value) in (int, float) and low <= value <= high:
            return float(value / per)
        raise NotAllowedError(f"a number from {low:g} to {high:g}")

    return read


def whole_number(low: int, high: int) -> Reader:
    """Read a whole number from ``low`` to ``high``, both allowed."""

    def read(value: Any) -> int:
        if type(value) is int and low <= value <= high:
            return value
        raise NotAllowedError(f"a whole number from {low} to {high}")

    return read


def one_of(choices: type[StrEnum]) -> Reader:
    """Read one member of an enumeration by its value."""

    def read(value: Any) -> StrEnum:
        if value in list(choices):
            return choices(value)
        *some, last = (f'"{choice}"' for choice in choices)
        raise NotAllowedError(f"{', '.join(some)} or {last}")

    return read


def text(at_most_bytes: int) -> Reader:
    """Read one line of printable text."""

    def read(value: Any) -> str:
        fits = isinstance(value, str) and len(value.encode()) <= at_most_bytes
        if fits and value.isprintable() and value.strip():
            return str(value)
        raise NotAllowedError(f"one line of printable text, at most {at_most_bytes} bytes")

    return read


def _split(value: Any, allowed: str) -> Address:
    match = _ADDRESS_AND_PORT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise NotAllowedError(allowed)
    port = int(match["port"])
    if not 1 <= port <= 65_535:
        raise NotAllowedError("a port from 1 to 65535")
    if match["v6"] is None:
        return Address(match["host"], port)
    try:
        return Address(str(ipaddress.IPv6Address(match["v6"])), port)
    except ValueError:
        raise NotAllowedError(allowed) from None


def own_address(value: Any) -> Address:
    """Read a literal address and port to listen on.

    A name is refused: it may mean several addresses, and others after the next boot.
    """
    allowed = 'an address and a port, such as "127.0.0.1:2223" or "[::1]:2223"'
    address = _split(value, allowed)
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        raise NotAllowedError(allowed) from None
    return address


def far_address(value: Any) -> Address:
    """Read an address, or a host's name, and a port to send to."""
    allowed = 'an address or host name and a port, such as "media1:2223" or "[2001:db8::7]:2223"'
    address = _split(value, allowed)
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        # Of numbers and dots only: an address mistyped, not a host's name.
        if _NUMBERS_AND_DOTS.fullmatch(address.host) or not _HOST_NAME.fullmatch(address.host):
            raise NotAllowedError(allowed) from None
    return address


def address_argument(value: str) -> Address:
    """Read an address and a port from the command line.

    Raises:
        ConfigError: it is neither an address nor a host's name, or the port is missing.
    """
    try:
        return far_address(value)
    except NotAllowedError as allowed:
        raise ConfigError(f"{shown(value)} is not allowed: {allowed}") from None


def networks(value: Any) -> tuple[Network, ...]:
    """Read a list of addresses and networks."""
    if isinstance(value, list):
        return tuple(_network(item) for item in value)
    raise NotAllowedError('a list of addresses and networks, such as ["198.51.100.7/32"]')


def _network(value: Any) -> Network:
    # ip_network() would take a number for an address.
    if not isinstance(value, str):
        raise NotAllowedError(f"addresses and networks as text, not {shown(value)}")
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise NotAllowedError(f"addresses and networks, and {shown(value)} is neither") from None
    host = value.partition("/")[0]
    raise NotAllowedError(f'not "{value}", but "{meant}" for the network or "{host}" for one host')


def names(value: Any) -> frozenset[str]:
    """Read a list of names as certificates have them."""
    if isinstance(value, list) and all(isinstance(name, str) and name.strip() for name in value):
        return frozenset(value)
    raise NotAllowedError('a list of names in certificates, such as ["sip1"]')


def host_name(value: Any) -> str:
    """Read the name, or the address, that the far end's certificate must be for."""
    if isinstance(value, str):
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            if _HOST_NAME.fullmatch(value):
                return value
    raise NotAllowedError('a host name or an address, such as "media1"')


def path(value: Any) -> Path:
    """Read a path."""
    if isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise NotAllowedError('a path, such as "/etc/ngtunnel/tls/sip1.pem"')


def shown(value: Any) -> str:
    """Write a value as TOML has it, cut short."""
    import json  # a running tunnel has no use for it

    match value:
        case bool():
            written = str(value).lower()
        case str():
            written = json.dumps(value, ensure_ascii=False)
        case list():
            written = f"[{', '.join(shown(item) for item in value)}]"
        case dict():
            written = "a table"
        case _:
            written = str(value)
    return written if len(written) <= _SHOWN_CHARACTERS else f"{written[:_SHOWN_CHARACTERS]}…"
