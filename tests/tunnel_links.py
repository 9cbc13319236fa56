"""The tunnel's links, as each end sees them."""

import json
import time

from slowbye.hosts import Host, Inventory

_PATIENCE_S = 10.0


def states(host: Host) -> list[str]:
    """Return the states of all links of a host, in the words of ``ngtunnel status``."""
    configs = host.run(["sh", "-c", "ls /etc/ngtunnel/*.toml"]).stdout.split()
    asked = [host.run(["ngtunnel", "status", "--config", each, "--json"]) for each in configs]
    ends = [end for each in asked if each.stdout for end in json.loads(each.stdout)]
    return [link["state"] for end in ends for link in end["links"]]


def wait_until_up(lab: Inventory) -> None:
    """Wait until every link between proxy hosts and media hosts is up.

    Raises:
        AssertionError: one does not come up.
    """
    deadline = time.monotonic() + _PATIENCE_S
    for here, there in (("sip", "media"), ("media", "sip")):
        for host in lab.group(here):
            # Two of each client's.
            while states(host) != ["up"] * 2 * len(lab.group(there)):
                assert time.monotonic() < deadline, f"links of {host.name}: {states(host)}"
