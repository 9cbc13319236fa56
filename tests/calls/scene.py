"""Clients, and the wire that their calls are on."""

from collections.abc import Callable

from calls.client import Client
from calls.messages import token
from calls.wire import Wire
from slowbye.hosts import Host, Inventory

NewWire = Callable[[str], Wire]
"""Begins to look at the wire; its packets are saved under the name that it is given."""


class Scene:
    """Clients whose Call-IDs belong to one wire.

    Args:
        lab: where they live.
        wire: where their messages are seen.
    """

    def __init__(self, lab: Inventory, wire: Wire) -> None:
        self.wire = wire
        self.clients: list[Client] = []
        self._lab = lab

    def client(
        self,
        role: str,
        host: Host | None = None,
        transport: str = "udp",
        address: str | None = None,
    ) -> Client:
        """Make a client with a user name of its own, not registered.

        Args:
            role: what it is called in errors and in documentation: ``caller``, ``callee`` …
            host: where; by default the first of the group ``clients``.
            transport: ``udp``, ``tcp`` or ``tls``: what it sends over.
            address: which of the host's addresses; by default its ``public_address``.
        """
        where = host or self._lab.first("clients")
        user = f"{role}-{token()}"
        proxy = self.wire.proxy
        if transport == "tls":
            proxy = (proxy[0], int(self._lab.first("sip").variables["sip_proxy_tls_port"]))
        client = Client(where, proxy, user, transport, address, self.wire.suffix)
        client.name = role
        self.clients.append(client)
        return client

    def registered(self, role: str) -> Client:
        """Make a client over UDP that is registered."""
        client = self.client(role)
        client.register()
        return client

    def close(self) -> None:
        """Close all clients."""
        for client in self.clients:
            client.close()
