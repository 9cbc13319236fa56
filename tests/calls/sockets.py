"""Sockets that live on a host of the inventory, while the program that reads them runs here.

A socket belongs to the network namespace in which it was made, for as long as it is open. A thread
can therefore enter a container's namespace, make the socket, and leave: nothing runs on the host.
"""

import functools
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pyroute2 import netns  # type: ignore[import-untyped]

from slowbye.errors import SlowbyeError
from slowbye.hosts import PODMAN_CONNECTION, Host

T = TypeVar("T")

LOCAL_CONNECTION = "local"
"""Ansible's name for this machine: in production the control node is itself a client."""


def on(host: Host, make: Callable[[], T]) -> T:
    """Return what ``make`` returns when it is called in the network of a host.

    Args:
        host: a Podman container of this machine, or this machine itself (connection ``local``).
        make: makes a socket, or anything that opens one.

    Raises:
        SlowbyeError: this machine has no way into the host's network.
    """
    if host.connection == LOCAL_CONNECTION:
        return make()
    if host.connection != PODMAN_CONNECTION:
        raise SlowbyeError(
            f"{host.name}: sockets can be made in a Podman container or on this machine; "
            "give a client host `ansible_connection: local`"
        )
    namespace = _namespace(host.target)

    def enter() -> T:
        netns.setns(namespace)
        return make()

    # Only this thread moves, and it ends here.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(enter).result()


@functools.cache
def _namespace(container: str) -> int:
    """Return a file descriptor of a container's network, open until this process ends."""
    inspect = ["podman", "inspect", "--format", "{{.State.Pid}}", container]
    done = subprocess.run(inspect, capture_output=True, text=True)
    pid = done.stdout.strip()
    if done.returncode != 0 or pid == "0":
        raise SlowbyeError(f"{container} is not running: bring the lab up with `bin/lab`")
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
