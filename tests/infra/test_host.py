"""What SIP and media need of a host: a right clock, logs that cannot fill the disk, its kernel."""

import pytest

from infra.fleet import Machine


def _is_container(machine: Machine) -> bool:
    return machine.run("systemd-detect-virt --container --quiet").rc == 0


def test_the_journal_is_bounded(prepared_host: Machine) -> None:
    """As journald itself understands it: another file may have the last word."""
    shown = prepared_host.output("systemd-analyze cat-config systemd/journald.conf")
    settings = dict(
        line.split("=", 1)
        for line in shown.splitlines()
        if "=" in line and not line.startswith(("#", ";"))
    )
    assert settings["SystemMaxUse"] == prepared_host.variables["host_journal_size"]
    assert settings["MaxRetentionSec"] == prepared_host.variables["host_journal_time"]


def test_the_kernel_is_set_as_asked(prepared_host: Machine) -> None:
    if _is_container(prepared_host):
        pytest.skip(f"{prepared_host} is a container: much of its kernel is the machine's")
    asked = {
        **prepared_host.variables["host_sysctl"],
        **prepared_host.variables["host_sysctl_more"],
    }
    for key, value in asked.items():
        assert prepared_host.output("sysctl --values %s", key).split() == str(value).split(), key


def test_every_boot_sets_the_kernel_again(prepared_host: Machine) -> None:
    """Including what keeps outgoing connections off the ports for media."""
    written = prepared_host.output("cat /etc/sysctl.d/60-slowbye.conf").splitlines()
    for key, value in prepared_host.variables["host_sysctl"].items():
        assert f"{key} = {value}" in written
    if ports := prepared_host.variables["host_reserved_ports"]:
        assert f"net.ipv4.ip_local_reserved_ports = {','.join(ports)}" in written


def test_no_outgoing_connection_is_given_a_port_for_media(media_host: Machine) -> None:
    if _is_container(media_host):
        pytest.skip(f"{media_host} is a container: this is for the machine to set")
    first, last = (media_host.variables[f"rtpengine_port_{end}"] for end in ("min", "max"))
    reserved = media_host.output("sysctl --values net.ipv4.ip_local_reserved_ports")
    assert f"{first}-{last}" in reserved.split(",")


def test_the_clock_is_kept(prepared_host: Machine) -> None:
    if _is_container(prepared_host):
        pytest.skip(f"{prepared_host} is a container: its clock is the machine's")
    assert prepared_host.output("timedatectl show --property NTPSynchronized --value") == "yes"
