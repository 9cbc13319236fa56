"""Background traffic: UDP at a steady rate, for a bounded time, to a port that discards it.

Needs nothing but the standard library, so that any host can run this file's text.
"""

import argparse
import contextlib
import socket
import time

DISCARD_PORT = 9
_PAYLOAD_BYTES = 1200
_HEADER_BYTES = 28
_MAX_SECONDS = 600.0


def main() -> None:
    """Send until the time is over; what cannot be sent is lost, like any other packet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("bit_per_s", type=float)
    parser.add_argument("seconds", type=float)
    arguments = parser.parse_args()
    interval_s = (_PAYLOAD_BYTES + _HEADER_BYTES) * 8 / arguments.bit_per_s
    family = socket.AF_INET6 if ":" in arguments.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        due = time.monotonic()
        end = due + min(arguments.seconds, _MAX_SECONDS)
        while due < end:
            with contextlib.suppress(OSError):
                sender.sendto(bytes(_PAYLOAD_BYTES), (arguments.address, DISCARD_PORT))
            due += interval_s
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
