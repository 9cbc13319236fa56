"""What is installed on the hosts and runs there: the proxy, rtpengine, the WAN."""

import re
from dataclasses import dataclass

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host

_PROXIES = {"opensips": ["opensips", "-V"], "kamailio": ["kamailio", "-v"]}
_REASON_FILE = "/etc/slowbye/proxy-reason"
_DRIVER_FILE = "/etc/slowbye/driver"
_KERNEL_OF = {"uml": ["linux.uml", "--version"]}
"""How to ask for a driver's kernel where it is not the host's own."""


@dataclass(frozen=True)
class Proxy:
    """The SIP proxy that is running, and why that one; its name is also its systemd unit's."""

    name: str
    version: str
    reason: str = ""


@dataclass(frozen=True)
class Wan:
    """The WAN router; ``driver`` is ``container``, ``uml`` or empty where it is a real network."""

    driver: str
    kernel: str


def find_proxy(host: Host) -> Proxy:
    """Find out which proxy is running.

    Raises:
        SlowbyeError: none is.
    """
    done = host.run(["systemctl", "is-active", *_PROXIES])
    states = dict(zip(_PROXIES, done.stdout.split(), strict=False))
    running = [name for name, state in states.items() if state == "active"]
    if not running:
        raise SlowbyeError(
            f"{host.name}: neither opensips nor kamailio is running: provision it with "
            "`ansible-playbook playbooks/site.yml`"
        )
    name = running[0]
    shown = host.run(_PROXIES[name])
    version = re.search(r"version: *\S+ (\S+)", shown.stdout + shown.stderr)
    return Proxy(name, version[1] if version else "unknown", _read(host, _REASON_FILE))


def find_rtpengine_version(host: Host) -> str:
    """Return rtpengine's version, such as ``10.5.3.5-1+deb12u1``.

    Raises:
        SlowbyeError: it is not installed.
    """
    shown = host.run(["rtpengine", "--version"])
    version = re.search(r"[Vv]ersion: *(\S+)", shown.stdout + shown.stderr)
    if version is None:
        raise SlowbyeError(
            f"{host.name}: no rtpengine: provision it with `ansible-playbook playbooks/site.yml`"
        )
    return version[1]


def find_wan(host: Host) -> Wan:
    """Return the WAN router's driver and kernel."""
    driver = _read(host, _DRIVER_FILE)
    kernel = host.run(_KERNEL_OF.get(driver, ["uname", "-r"])).stdout.strip()
    return Wan(driver, kernel)


def _read(host: Host, path: str) -> str:
    return host.run(["cat", path]).stdout.strip()
