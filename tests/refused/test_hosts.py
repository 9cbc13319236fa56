"""Hosts of which no fleet can be made."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from refused.conftest import Refuse
from slowbye.hosts import Host, Inventory


@contextmanager
def _written(host: Host, path: str, text: str) -> Iterator[None]:
    """Have a file on the host."""
    script = 'printf %s "$2" >"$1"'
    host.run(["sudo", "sh", "-c", script, "sh", path, text]).check_returncode()
    try:
        yield
    finally:
        host.run(["sudo", "rm", path]).check_returncode()


@contextmanager
def _mounted(host: Host, path: str, *how: str) -> Iterator[None]:
    """Mount something in the lab's container, which may not do so itself."""
    inspect = ["podman", "inspect", "--format={{.State.Pid}}", host.variables["lab_container"]]
    pid = subprocess.run(inspect, check=True, capture_output=True, text=True).stdout.strip()
    inside = ["nsenter", f"--target={pid}", "--mount", "--pid"]
    subprocess.run([*inside, "mount", *how, path], check=True)
    try:
        yield
    finally:
        subprocess.run([*inside, "umount", path], check=True)


@contextmanager
def _listening(host: Host, port: int) -> Iterator[None]:
    """Let somebody else have one of the host's ports; of root's, as no container tells others'."""
    listen = ["python3", "-m", "http.server", "--bind", host.address, str(port)]
    server = host.popen(["sudo", *listen])
    shown = f"until ss -Hlnt 'sport = :{port}' | grep -q .; do sleep 0.1; done"
    with server:
        try:
            host.run(["timeout", "10", "sh", "-c", shown]).check_returncode()
            yield
        finally:
            assert server.stdin is not None
            server.stdin.close()


def test_a_user_who_may_not_log_in(refuse: Refuse) -> None:
    said = refuse({"media2": {"ansible_user": "mallory"}})
    assert "media2 does not let mallory log in" in said
    assert "Set ansible_user" in said


def test_half_the_fleet_is_down(refuse: Refuse, lab: Inventory) -> None:
    nobody = lab.first("media").target.rpartition(".")[0] + ".250"
    said = refuse({host: {"ansible_host": nobody} for host in ("sip2", "media2")})
    for host in ("sip2", "media2"):
        assert f"{host} cannot be reached at {nobody} (ansible_host)" in said


def test_a_port_that_somebody_else_has(refuse: Refuse, lab: Inventory) -> None:
    with _listening(lab.group("sip")[1], 5070):
        said = refuse({"sip2": {"sip_proxy_port": 5070}})
    assert "Port 5070 of sip2 is taken already" in said


def test_a_full_disk(refuse: Refuse, lab: Inventory) -> None:
    with _mounted(lab.group("media")[1], "/opt", "-t", "tmpfs", "-o", "size=20m", "tmpfs"):
        said = refuse({})
    assert "media2 has 20 MB left on /opt, and 500 are needed (preflight_free_mb)" in said


def test_a_system_that_the_roles_do_not_know(refuse: Refuse, lab: Inventory) -> None:
    release = 'ID=ubuntu\nVERSION_ID="20.04"\nPRETTY_NAME="Ubuntu 20.04.6 LTS"\n'
    host = lab.group("sip")[1]
    other = "/run/other-release"
    with _written(host, other, release), _mounted(host, "/usr/lib/os-release", "--bind", other):
        said = refuse({})
    assert "sip2 runs Ubuntu 20.04.6 LTS: the roles are made for Debian 12 and 13" in said


def test_a_package_repository_that_does_not_answer(refuse: Refuse, lab: Inventory) -> None:
    gone = "deb http://127.0.0.1:9/gone sid main\n"
    with _written(lab.first("media"), "/etc/apt/sources.list.d/gone.list", gone):
        said = refuse({})
    assert "media1 cannot fetch http://127.0.0.1:9/gone/dists/sid/InRelease" in said
