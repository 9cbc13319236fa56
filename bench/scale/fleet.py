"""Inventories of fleets that are not there, with the variables of those that are."""

from ipaddress import IPv4Address
from pathlib import Path

import yaml

_EXAMPLE = Path(__file__).parents[2] / "inventory/production/group_vars"
_FIRST = {"sip": IPv4Address("198.18.0.1"), "media": IPv4Address("198.19.0.1")}


def write(directory: Path, proxies: int, media_hosts: int) -> Path:
    """Write an inventory, and return where.

    Args:
        directory: an empty directory.
        proxies: how many hosts group sip has.
        media_hosts: how many group media has; every proxy uses all of them.
    """
    (directory / "group_vars").symlink_to(_EXAMPLE)
    counts = {"sip": proxies, "media": media_hosts}
    fleet = {
        "vars": {
            "ansible_connection": "nowhere",
            "ansible_python_interpreter": "/usr/bin/python3",
            "sip_proxy_kind": "kamailio",
            "vault_ngtunnel_ca_passphrase": "none is used",
            # certificates are made on the hosts, and signed one by one
            "ngtunnel_tls": False,
        },
        "children": {
            group: {
                "hosts": {
                    f"{group}{number + 1}": {"public_address": str(_FIRST[group] + number)}
                    for number in range(count)
                }
            }
            for group, count in counts.items()
        },
    }
    path = directory / "hosts.yml"
    path.write_text(yaml.safe_dump({"all": fleet}))
    return path
