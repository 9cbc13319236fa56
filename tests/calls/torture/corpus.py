"""Reads the corpus: corpus.yml, and a file for each message in the RFC's own notation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).parent
_REPEAT = re.compile(rb"<repeat count=([0-9]+)>(.*?)</repeat>", re.S)
_HEX = re.compile(rb"<hex>([0-9A-F]*)</hex>")

_CALL_ID = re.compile(rb"^((?:Call-ID|i)[ \t]*:[ \t]*)", re.I | re.M)
# Not one that is nothing but the cookie: that is what its message is about.
_BRANCH = re.compile(rb"(branch[ \t]*=\s*(?:z9hG4bK)?+)(?=[^;,\s])", re.I)
_TO = re.compile(rb"^(?:To|t)[ \t]*:(?:[^\r]|\r\n[ \t])*", re.I | re.M)
_DOMAIN = re.compile(rb"(?<=[@:])(?:[a-z-]+\.)*(?:example\.(?:com|net|org)|company\.com)")


@dataclass(frozen=True)
class Torture:
    """One message of the corpus.

    Attributes:
        name: the RFC's name of it.
        section: of RFC 4475.
        title: the section's.
        valid: it is well-formed; otherwise RFC 4475 says that it is not.
        user: whom its Request-URI names; empty when it names none.
        data: its bytes.
    """

    name: str
    section: str
    title: str
    valid: bool
    user: str
    data: bytes
    _entry: dict[str, Any]

    def may_become(self, whose: str, proxy: str, transport: str) -> set[str]:
        """Return what may become of it: statuses, ``relayed``, or ``nothing``.

        Args:
            whose: ``ours`` or ``elsewhere``: the domain that it is for.
            proxy: ``kamailio`` or ``opensips``.
            transport: ``udp`` or ``tcp``.
        """
        says = [self._entry.get(key, {}) for key in (proxy, transport)] + [self._entry]
        return {str(each) for each in next(one[whose] for one in says if whose in one)}

    def unique(self, token: str) -> bytes:
        """Return the message with a Call-ID and branches that have not been used before.

        The same ones make a proxy take it for a retransmission of the last run's.
        """
        mark = token.encode()
        return _BRANCH.sub(rb"\g<1>" + mark, _CALL_ID.sub(rb"\g<1>" + mark, self.data))

    def for_domain(self, domain: str, token: str) -> bytes:
        """Return the unique message as it is when its Request-URI and To are in a domain."""
        ours = domain.encode()
        head, blank, body = self.unique(token).partition(b"\r\n\r\n")
        first, _, headers = head.partition(b"\r\n")
        headers = _TO.sub(lambda to: _DOMAIN.sub(ours, to[0]), headers)
        return _DOMAIN.sub(ours, first) + b"\r\n" + headers + blank + body


def decode(text: bytes) -> bytes:
    """Return the bytes of a message in the notation of RFC 4475 section 2, one line a line."""
    wire = text.replace(b"\n", b"\r\n")
    wire = _REPEAT.sub(lambda found: found[2] * int(found[1]), wire)
    return _HEX.sub(lambda found: bytes.fromhex(found[1].decode()), wire)


def read() -> Iterator[Torture]:
    """Yield the messages in the order of the RFC."""
    for name, entry in yaml.safe_load((_HERE / "corpus.yml").read_text()).items():
        data = decode((_HERE / "messages" / f"{name}.sip").read_bytes())
        yield Torture(
            name=name,
            section=entry["section"],
            title=entry["title"],
            valid=entry["valid"],
            user=entry.get("user", ""),
            data=data,
            _entry=entry,
        )
