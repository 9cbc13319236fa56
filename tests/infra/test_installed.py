"""Packages, and the users that the services run as."""

from infra.fleet import Machine, Unit


def _installed(machine: Machine, *packages: str) -> dict[str, str]:
    shown = machine.output(
        f"dpkg-query --show --showformat '${{Package}} ${{db:Status-Status}} ${{Version}}\\n' "
        f"{' '.join(packages)}"
    )
    lines = [line.split() for line in shown.splitlines()]
    return {name: version for name, status, version in lines if status == "installed"}


def _of_tunnels(machine: Machine) -> set[str]:
    ngtunnel = {"python3-venv"} if machine.instances else set()
    return ngtunnel | ({"socat"} if machine.variables["socat_instances"] else set())


def test_a_proxy_host_has_its_proxy_and_what_the_tunnels_need(proxy_host: Machine) -> None:
    packages = {proxy_host.proxy} | _of_tunnels(proxy_host)
    assert set(_installed(proxy_host, *packages)) == packages


def test_a_media_host_has_rtpengine_and_what_the_tunnels_and_the_guard_need(
    media_host: Machine,
) -> None:
    packages = {"rtpengine-daemon", "nftables"} | _of_tunnels(media_host)
    found = _installed(media_host, *packages)
    assert set(found) == packages
    assert media_host.variables["rtpengine_version"] in ("", found["rtpengine-daemon"])


def test_packages_are_complete(machine: Machine) -> None:
    assert machine.output("dpkg --audit") == ""


def test_a_service_runs_as_a_user_who_cannot_log_in(service: Unit) -> None:
    machine = service.machine
    pid = service.show("MainPID")["MainPID"]
    shown = machine.output("grep ^Uid: /proc/%s/status; getent passwd %s", pid, service.user)
    status, entry = shown.splitlines()
    _, _, uid, *_, shell = entry.split(":")
    assert set(status.split()[1:]) == {uid}, f"{service.user} has {uid}"
    assert uid != "0"
    assert shell.rpartition("/")[2] in ("nologin", "false")
