"""What Prometheus finds at a proxy: its metrics, in its own format, and only where it should."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from disturbance import disturbing
from infra.fleet import Machine

_REFUSED = ("400", "404")

_OF_BOTH = {
    "kamailio": {"kamailio_core_rcv_requests", "kamailio_registrar_accepted_regs"},
    "opensips": {"opensips_core_rcv_requests", "opensips_registrar_accepted_regs"},
}


def test_a_proxy_shows_its_metrics(proxy_host: Machine) -> None:
    where = proxy_host.variables["sip_proxy_metrics"]
    if not where:
        pytest.skip("sip_proxy_metrics is empty")
    families = text_string_to_metric_families(proxy_host.get(f"http://{where}/metrics"))
    names = {family.name for family in families}
    assert _OF_BOTH[proxy_host.proxy] <= names
    bans = {name for name in names if name.endswith("_bans")}
    assert bool(bans) == (int(proxy_host.variables["sip_proxy_ban_seconds"]) > 0)


def test_nothing_else_is_there(proxy_host: Machine) -> None:
    where = proxy_host.variables["sip_proxy_metrics"]
    if not where:
        pytest.skip("sip_proxy_metrics is empty")
    assert proxy_host.get(f"http://{where}/RPC2") in _REFUSED


def test_the_port_for_sip_shows_no_metrics(proxy_host: Machine) -> None:
    address = proxy_host.variables["sip_proxy_listen_address"]
    port = proxy_host.variables["sip_proxy_port"]
    # it is no SIP, and OpenSIPS says so
    with disturbing(proxy_host.host):
        shown = proxy_host.get(f"http://{address}:{port}/metrics")
    assert "rcv_requests" not in shown
