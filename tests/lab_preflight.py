"""What every suite that needs the lab looks at before its first test.

A suite's conftest says ``pytest_plugins = ["lab_preflight"]`` and calls :func:`examine` in
``pytest_cmdline_main``; its tests find the hosts in the fixture ``lab``. Whatever is wrong is one
line and exit status 2: no such inventory, no root, hosts that are not there, or not provisioned.

The inventory is ``--inventory``, else SLOWBYE_INVENTORY, else the one that the suite is made for.

PYTEST_DONT_REWRITE: the conftests import it before pytest does.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import disturbance
from slowbye.errors import SlowbyeError
from slowbye.hosts import PODMAN_CONNECTION, Host, Inventory, read_inventory

_SENT = "inventory"
LAB = pytest.StashKey[Inventory]()
"""Where the session's configuration keeps the inventory, for whoever is no test."""

_DISTURBED = pytest.StashKey[tuple[Sequence[Host], str]]()

_MADE_BY = {
    "media": ("/etc/systemd/system/rtpengine-daemon.service.d/slowbye.conf", "site"),
    "sip": ("/etc/slowbye/proxy", "site"),
    "clients": ("/opt/slowbye/bin/slowbye", "lab"),
    "wan": ("/etc/slowbye/driver", "lab"),
    "nat": ("/etc/systemd/system/lab-routes.service", "lab"),
    "natted": ("/etc/systemd/system/lab-routes.service", "lab"),
}
"""What the hosts of a group have last of all, and the playbook that puts it there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--inventory",
        metavar="PATH",
        help="the hosts to test (SLOWBYE_INVENTORY does the same); each suite has its own of the "
        "lab by default",
    )


def examine(
    config: pytest.Config,
    groups: Mapping[str, int],
    default: str = "inventory/lab",
    disturbs: bool = True,
    clean_wan: bool = False,
) -> int | None:
    """Make sure that the hosts are there and provisioned, and keep them for the tests.

    Args:
        config: the run's configuration.
        groups: the groups that the suite needs, and how many hosts of each; 0 for a group whose
            hosts have to be up if there are any.
        default: the suite's own inventory.
        disturbs: whether the suite makes services log errors: by impairing the WAN, say.
        clean_wan: whether the suite takes it for granted that the WAN is not impaired.

    Returns:
        None, or 2 when something is wrong, which has then been said.
    """
    if config.option.help:
        return None
    os.chdir(config.rootpath)  # where Ansible finds its configuration
    if hasattr(config, "workerinput"):  # a process of pytest-xdist; the first one has looked
        config.stash[LAB] = Inventory.from_json(config.workerinput[_SENT])
        return None
    asked = config.getoption("--inventory") or os.environ.get("SLOWBYE_INVENTORY")
    path = config.invocation_params.dir / asked if asked else config.rootpath / default
    if path.is_relative_to(config.rootpath):
        path = path.relative_to(config.rootpath)
    try:
        inventory = config.stash.get(LAB, None) or read_inventory(str(path))
        if inventory.path != str(path):
            raise SlowbyeError(
                f"one suite is made for {inventory.path} and another for {path}: run them one by "
                "one, or say --inventory"
            )
        if not config.option.collectonly:
            hosts = _check(inventory, groups)
            if clean_wan:
                _check_wan(inventory)
            if disturbs and _DISTURBED not in config.stash:
                config.stash[_DISTURBED] = (hosts, disturbance.begin(hosts))
    except SlowbyeError as error:
        return refuse(error)
    config.stash[LAB] = inventory
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a process of pytest-xdist what it need not ask Ansible for."""
    node.workerinput[_SENT] = node.config.stash[LAB].to_json()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _DISTURBED in config.stash:
        disturbance.end(*config.stash[_DISTURBED])


def refuse(error: SlowbyeError) -> int:
    """Say what is wrong, and return the exit status for it."""
    print(f"nothing was tested: {error}", file=sys.stderr)
    return 2


def members(inventory: Inventory, group: str) -> Sequence[Host]:
    """Return the hosts of a group that there need not be."""
    try:
        return inventory.group(group)
    except SlowbyeError:
        return ()


def _check(inventory: Inventory, groups: Mapping[str, int]) -> Sequence[Host]:
    found: dict[str, tuple[Host, str]] = {}
    for group, count in groups.items():
        hosts = inventory.group(group) if count else members(inventory, group)
        if len(hosts) < count:
            raise SlowbyeError(f"inventory {inventory.path} has fewer than {count} {group} hosts")
        found.update({host.name: (host, group) for host in hosts})
    podman = any(host.connection == PODMAN_CONNECTION for host, _ in found.values())
    if podman and os.geteuid() != 0:
        raise SlowbyeError("the lab's hosts are containers of root: run it as root, or with sudo")
    with ThreadPoolExecutor(max_workers=16) as pool:
        # The first problem is told, in the inventory's order.
        list(pool.map(lambda member: _check_host(inventory.path, *member), found.values()))
    return [host for host, _ in found.values() if host.connection != "local"]


def _check_wan(inventory: Inventory) -> None:
    for router in members(inventory, "wan"):
        shown = router.run(["slowbye", "wan", "show", "--json"], timeout_s=15).stdout
        profile = json.loads(shown or "{}").get("in_force")
        if profile not in (None, "clean"):
            raise SlowbyeError(
                f"{router.name} impairs the WAN with {profile}, perhaps since a run that was "
                "killed: make it clean with "
                f"`ansible-playbook -i {inventory.path} playbooks/wan.yml`"
            )


def _check_host(inventory: str, host: Host, group: str) -> None:
    if host.connection == "local":
        return
    mark, playbook = _MADE_BY[group]
    script = """
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || echo powerless $(id -un)
    case $(systemctl is-system-running) in running | degraded) ;; *) echo unsettled ;; esac
    [ -e "$1" ] || echo unmade"""
    found = host.run(["sh", "-c", script, "sh", mark], timeout_s=15).stdout.split()
    if "powerless" in found:
        raise SlowbyeError(
            f"{host.name}: its user {found[1]} may not use sudo without a password: allow it, or "
            "set ansible_user to one who may"
        )
    if "unsettled" in found:
        raise SlowbyeError(f"{host.name} is still starting, or stopping: try again in a moment")
    if "unmade" in found:
        raise SlowbyeError(
            f"{host.name} has no {mark}, which is made last: finish it with "
            f"`ansible-playbook -i {inventory} playbooks/{playbook}.yml`"
        )


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Inventory:
    """The hosts under test, which are up and provisioned."""
    return pytestconfig.stash[LAB]
