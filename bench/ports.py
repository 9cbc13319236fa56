"""Free ports on this machine."""

import contextlib
import random
import socket
from collections.abc import Iterator

# Below what Linux gives to sockets that ask for any port (32768), so that no peer takes one.
_FIRST, _LAST = 20_000, 32_000


def any_port() -> int:
    """Return a number to start looking from."""
    return random.randrange(_FIRST, _LAST)  # noqa: S311


def free_ports(start: int) -> Iterator[int]:
    """Yield ports that are free for both UDP and TCP, none of them twice, from one on."""
    for port in [*range(start, _LAST), *range(_FIRST, start)]:
        if _is_free(port, socket.SOCK_DGRAM) and _is_free(port, socket.SOCK_STREAM):
            yield port


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("", port))
        return True
    return False
