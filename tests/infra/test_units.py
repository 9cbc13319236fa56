"""Units that are enabled, running, and in order."""

from infra.fleet import PROXIES, Machine, Unit, units


def test_a_unit_is_enabled_and_running(unit: Unit) -> None:
    shown = unit.show("UnitFileState", "ActiveState", "Result")
    assert shown == {"UnitFileState": "enabled", "ActiveState": "active", "Result": "success"}


def test_no_unit_of_the_host_has_failed(machine: Machine) -> None:
    assert machine.output("systemctl --failed --plain --no-legend") == ""


def test_the_other_proxy_is_kept_from_starting(proxy_host: Machine) -> None:
    mine = Unit(proxy_host, f"{proxy_host.proxy}.service")
    for other in set(PROXIES) - {proxy_host.proxy}:
        shown = Unit(proxy_host, f"{other}.service").show("UnitFileState", "ActiveState")
        assert shown["UnitFileState"] in ("disabled", ""), shown
        assert shown["ActiveState"] == "inactive"
        assert f"{other}.service" in mine.show("Conflicts")["Conflicts"].split()


def _services(machine: Machine, kind: str) -> list[Unit]:
    return [unit for unit in units(machine) if unit.name.startswith(kind) and unit.user]


def test_the_proxy_starts_after_its_tunnels_and_wants_them(proxy_host: Machine) -> None:
    tunnels = {unit.name for unit in _services(proxy_host, "ngtunnel@")}
    shown = Unit(proxy_host, f"{proxy_host.proxy}.service").show("After", "Wants")
    assert tunnels <= set(shown["After"].split())
    assert tunnels <= set(shown["Wants"].split())


def test_the_proxy_starts_after_socat(proxy_host: Machine) -> None:
    shown = Unit(proxy_host, f"{proxy_host.proxy}.service").show("After")
    assert {unit.name for unit in _services(proxy_host, "socat-ng@")} <= set(shown["After"].split())


def test_a_service_that_binds_a_public_address_waits_for_the_network(binder: Unit) -> None:
    assert "network-online.target" in binder.show("After")["After"].split()


def test_ports_are_guarded_before_the_network_is_up(media_host: Machine) -> None:
    shown = Unit(media_host, "slowbye-firewall.service").show("Before", "After")
    assert "network-pre.target" in shown["Before"].split()
    assert "nftables.service" in shown["After"].split(), "which flushes all tables when it starts"


def test_guards_survive_a_restart_of_nftables(media_host: Machine) -> None:
    shown = Unit(media_host, "slowbye-firewall.service").show("PartOf", "ReloadPropagatedFrom")
    assert set(shown.values()) == {"nftables.service"}
