"""What systemd and a service tell each other: readiness, watchdog, sockets handed over.

Written here and not taken from a library: those that exist either bring libsystemd and seven
megabytes with it, or send blockingly, which would stall the tunnel while systemd is busy, or fail
where this must not; none hands over sockets.

Sources: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3).
"""

import os
import socket

from ngtunnel.errors import ConfigError

_FIRST_FD = 3
"""SD_LISTEN_FDS_START."""


def notify(state: str) -> None:
    """Tell systemd how the service is; without systemd, or while it does not listen, do nothing.

    Args:
        state: lines such as ``READY=1``, ``STATUS=2 of 2 links up``, ``WATCHDOG=1``.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    # "@" stands for the null byte of an abstract name.
    if address.startswith("@"):
        address = "\0" + address[1:]
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to_systemd:
        try:
            to_systemd.sendto(state.encode(), socket.MSG_DONTWAIT, address)
        except OSError:
            # The datagrams matter more. A lost WATCHDOG=1 is followed by the next in time.
            return


def watchdog_interval() -> float | None:
    """Tell how often to send ``WATCHDOG=1``, in seconds: twice as often as systemd wants it.

    Returns:
        None when systemd does not watch this process.
    """
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    interval_us = os.environ.get("WATCHDOG_USEC", "")
    if not interval_us.isascii() or not interval_us.isdigit() or int(interval_us) == 0:
        return None
    return int(interval_us) / 2 / 1_000_000


def inherited_sockets() -> list[socket.socket]:
    """Take over the sockets that systemd opened for this process, in its unit's order.

    They become non-blocking and are not handed on to children. They can be taken once.

    Returns:
        Sockets of whatever family and type they are; empty without socket activation.

    Raises:
        ConfigError: one of them is no socket.
    """
    pid, count = os.environ.get("LISTEN_PID"), os.environ.get("LISTEN_FDS", "")
    if pid != str(os.getpid()) or not count.isascii() or not count.isdigit():
        return []
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return [_take(fd) for fd in range(_FIRST_FD, _FIRST_FD + int(count))]


def _take(fd: int) -> socket.socket:
    try:
        taken = socket.socket(fileno=fd)
    except OSError as error:
        raise ConfigError(
            f"file descriptor {fd} from systemd: is not a socket ({error.strerror}): "
            "the .socket unit may have Listen= lines for an address and a port only"
        ) from None
    taken.set_inheritable(False)
    taken.setblocking(False)
    return taken
