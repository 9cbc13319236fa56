"""Where a proxy's Contact leads: to which address a request for it is sent."""

import re

from sipmessage import URI

from calls import messages

Address = tuple[str, int]

_ALIAS = re.compile(r";alias=([^~;>]+)~(\d+)~\d")
_RECEIVED = re.compile(r';received="?sip:([^:;">]+):(\d+)')
_SIP_PORT = 5060


def leads_to(contact: str) -> Address:
    """Return where requests for a Contact end up, if they pass the proxy that fixed it.

    Kamailio appends where the client is as a parameter and takes it off again when a request comes
    back; OpenSIPS puts it in place of the client's own address.
    """
    if alias := _ALIAS.search(contact):
        return alias[1], int(alias[2])
    uri = URI.parse(messages.uri_of(contact))
    return uri.host, uri.port or _SIP_PORT


def bound_to(contact: str) -> Address | None:
    """Return where a registrar says that a binding came from; None if it goes by its Contact."""
    received = _RECEIVED.search(contact)
    return (received[1], int(received[2])) if received else None
