"""What listens on the hosts: all that the inventory says, and nothing else."""

from infra import listeners
from infra.fleet import Machine


def test_a_host_listens_where_the_inventory_says_and_nowhere_else(machine: Machine) -> None:
    found = listeners.found(machine)
    expected = listeners.expected(machine)
    strangers = {each for each in found - expected if not listeners.allowed(machine, each)}
    assert sorted(map(str, strangers)) == [], "listens, and should not"
    assert sorted(map(str, expected - found)) == [], "should listen, and does not"


def test_ng_is_on_loopback_or_guarded(media_host: Machine) -> None:
    """Whoever reaches it controls every call."""
    guarded = [
        (guard["protocol"], guard["port"]) for guard in media_host.variables["firewall_guarded"]
    ]
    for listener in listeners.found(media_host):
        if listener.user == "rtpengine" and not listeners.allowed(media_host, listener):
            assert listener.is_local or (listener.protocol, listener.port) in guarded, str(listener)


def test_somebody_listens_on_every_loopback_node_of_the_proxy(proxy_host: Machine) -> None:
    local = {f"{each.protocol}:{each.address}:{each.port}" for each in listeners.found(proxy_host)}
    for node_set in proxy_host.variables["sip_proxy_rtpengine_sets"]:
        for node in node_set["nodes"]:
            assert not node.startswith("udp:127.") or node in local, node_set
