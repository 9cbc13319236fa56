"""Stable names for what is different in every call: tags, branches, Call-IDs, users, ports.

The same value has the same name wherever it stands, so that a reader can follow it: Kamailio's
``ftag`` in a Record-Route is the tag of the From.
"""

import re
from collections import Counter

from sipmessage import Request, Response
from sipmessage.address import Address

from slowbye.docs.flow import SIP_PORT

_BRANCH_COOKIE = "z9hG4bK"
_USER = re.compile(r"(?P<role>[a-z][\w-]*)-[0-9a-f]{10}")
"""The tests' users are their role and a random token."""

_LAB_ADDRESS = re.compile(r"\b(198\.18|192\.168)\.(\d+)\.(\d+)\b")
_NETS_OF_A_LAB = 16
_HOMES = range(200, 216)
"""Each of the labs that can stand on one machine has 16 nets, and a home behind NAT
(inventory/lab/group_vars/all.yml)."""

_PORT = re.compile(r"(?<=\d:)\d{4,5}\b|(?<=~)\d{4,5}(?=~)|(?<=rport=)\d+|(?<=^m=audio )\d+")
_CONNECTION = re.compile(r"(?<=;i=)[0-9a-f]+")
"""By which the proxies find the TCP connection again, in their own Via."""

_CLIENT_PORTS = 41_000
_PROXY_PORTS = 30_000
"""What the proxy names in an SDP are rtpengine's ports; 30000 is where its own range begins."""

_OUTSIDE_PORTS = 61_000
"""What the proxy names otherwise is where it saw a packet come from: a NAT's, or a connection's."""


class Names:
    """The names of one message flow; messages are taken in the order in which they passed."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        self._roles: list[str] = []

    def learn(self, message: Request | Response, sender: str) -> None:
        """Name what this message is the first to say; registrations are counted apart."""
        apart = "r" if message.cseq.method == "REGISTER" else ""
        self._add(message.call_id, "registration" if apart else "call")
        for party in (message.from_address, message.to_address):
            self._learn_user(party)
            if tag := party.parameters.get("tag"):
                self._add(str(tag), f"{sender}-{apart}")
        for contact in self._addresses(message):
            self._learn_user(contact)
        for via in message.via:
            branch = str(via.parameters.get("branch") or "")
            if branch.startswith(_BRANCH_COOKIE):
                self._add(branch, f"{_BRANCH_COOKIE}-{sender}-{apart}")

    def apply(self, line: str, sender: str) -> str:
        """Return a line of a learned message with names in place of values."""
        if self._names:
            known = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
            whole = rf"(?<![\w.-])(?:{known})(?![\w.-])"
            line = re.sub(whole, lambda found: self._names[found[0]], line)
        line = _CONNECTION.sub("1", line)
        line = _PORT.sub(lambda found: self._port(found, sender), line)
        return _LAB_ADDRESS.sub(_of_first_lab, line)

    def _addresses(self, message: Request | Response) -> list[Address]:
        try:
            return message.contact
        except ValueError:  # "*" of a REGISTER that forgets everything
            return []

    def _learn_user(self, party: Address) -> None:
        user = str(party.uri.user or "")
        named = _USER.fullmatch(user)
        if named is not None and user not in self._names:
            role = named["role"]
            taken = role in self._names.values()
            self._names[user] = f"{role}{self._count[role] + 1}" if taken else role
            self._count[role] += 1

    def _add(self, value: str, prefix: str) -> None:
        if value not in self._names:
            self._count[prefix] += 1
            self._names[value] = f"{prefix}{self._count[prefix]}"

    def _port(self, found: re.Match[str], sender: str) -> str:
        value = found[0]
        if int(value) in (SIP_PORT, 0):
            return value
        key = f"port {value}"
        if key not in self._names:
            base = self._base(sender, found.string.startswith("m="))
            self._names[key] = str(base + self._count[f"ports from {base}"])
            self._count[f"ports from {base}"] += 2 if base == _PROXY_PORTS else 1
        return self._names[key]

    def _base(self, sender: str, media: bool) -> int:
        if sender == "proxy":
            return _PROXY_PORTS if media else _OUTSIDE_PORTS
        if sender not in self._roles:
            self._roles.append(sender)
        return _CLIENT_PORTS + 1000 * self._roles.index(sender)


def _of_first_lab(found: re.Match[str]) -> str:
    """Return a lab's address as it would be in the first one."""
    prefix, net, host = found[1], int(found[2]), found[3]
    if prefix == "198.18":
        net %= _NETS_OF_A_LAB
    elif net in _HOMES:
        net = _HOMES.start
    return f"{prefix}.{net}.{host}"
