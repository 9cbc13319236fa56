#!/usr/bin/python
"""Ansible module: what a host is like before anything is done to it. It changes nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: look_at_host
short_description: Say what a host is like, changing nothing
description: Its system, clock, disks, addresses, package sources, and the ways to its peers.
author: slowbye
options:
  peers:
    description: Hosts that it is to exchange packets with, by name.
    type: dict
    default: {}
  names:
    description: Names that it should be able to resolve.
    type: list
    elements: str
    default: []
  address:
    description: The address by which it reaches its peers.
    type: str
  asked_at:
    description: The time on the control node, in seconds since the epoch; it is returned as it is.
    type: float
    required: true
"""

_APT = [
    "-o",
    "Acquire::Retries=0",
    "-o",
    "Acquire::http::Timeout=8",
    "-o",
    "Acquire::https::Timeout=8",
]


def _run(*argv, timeout=20):
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, "", str(error)
    return done.returncode, done.stdout, done.stderr


def system():
    """Return what /etc/os-release says."""
    with open("/etc/os-release") as release:
        pairs = (line.rstrip().split("=", 1) for line in release if "=" in line)
        known = {name: value.strip('"') for name, value in pairs}
    return {key: known.get(key.upper(), "") for key in ("id", "version_id", "pretty_name")}


def is_synchronized():
    """Return whether something keeps the clock; None where nobody can say."""
    status, out, _ = _run("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return out.strip() == "yes" if status == 0 else None


def disks():
    """Return the free space where packages and configuration go, in MiB."""
    paths = ("/", "/etc", "/opt", "/usr", "/var", "/var/cache/apt")
    return {path: shutil.disk_usage(path).free >> 20 for path in paths if os.path.isdir(path)}


def addresses():
    """Return the host's addresses, each with the MTU of its interface."""
    _, out, _ = _run("ip", "-json", "address")
    return {
        address["local"]: interface["mtu"]
        for interface in json.loads(out or "[]")
        for address in interface.get("addr_info", ())
        if "local" in address
    }


def sources(directory):
    """Return each package source's index with what is wrong with it; empty for nothing.

    Args:
        directory: where the indexes are fetched to.
    """
    _, out, _ = _run("apt-get", "update", "--print-uris")
    uris = re.findall(r"^'([^']+/(?:In)?Release)'", out, re.MULTILINE)

    def fetch(numbered):
        number, uri = numbered
        target = os.path.join(directory, str(number))
        _, out, err = _run("/usr/lib/apt/apt-helper", *_APT, "download-file", uri, target)
        if os.path.exists(target):
            return uri, ""
        errors = re.findall(r"^(?:E|Err|Ign):? *(?:\d+ )?(.*)", err + out, re.MULTILINE)
        return uri, " ".join(errors[-1:]) or "no answer"

    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(pool.map(fetch, enumerate(uris)))


def resolve(name):
    """Return the addresses of a name."""
    try:
        return sorted({found[4][0] for found in socket.getaddrinfo(name, None)})
    except OSError:
        return []


def _ping(address, *options):
    _, out, _ = _run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "2", *options, address)
    received = re.search(r"(\d+) received", out)
    rtt = re.search(r"= [\d.]+/([\d.]+)/", out)
    return {
        "received": int(received[1]) if received else 0,
        "rtt_ms": float(rtt[1]) if rtt else None,
    }


def way(address):
    """Try the way to a peer: with small packets, full ones that may not be cut, and fragments."""
    kinds = {
        "small": [],
        "full": ["-M", "do", "-s", "1472"],
        "fragments": ["-M", "dont", "-s", "2800"],
    }
    return {kind: _ping(address, *options) for kind, options in kinds.items()}


def main():
    """Look, and say what is there."""
    module = AnsibleModule(
        argument_spec={
            "peers": {"type": "dict", "default": {}},
            "names": {"type": "list", "elements": "str", "default": []},
            "address": {"type": "str"},
            "asked_at": {"type": "float", "required": True},
        },
        supports_check_mode=True,
    )
    now = time.time()
    own = addresses()
    peers = module.params["peers"]
    with ThreadPoolExecutor(max_workers=16) as pool, tempfile.TemporaryDirectory() as directory:
        ways = pool.map(lambda peer: (peer, way(peers[peer])), peers)
        module.exit_json(
            changed=False,
            system=system(),
            clock={
                "asked_at": module.params["asked_at"],
                "now": now,
                "synchronized": is_synchronized(),
            },
            disks=disks(),
            addresses=own,
            mtu=own.get(module.params["address"]),
            sources=sources(directory),
            names={name: resolve(name) for name in module.params["names"]},
            ways=dict(ways),
        )


if __name__ == "__main__":
    main()
