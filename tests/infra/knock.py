"""Who reaches which port: connections and ng pings tried from the hosts themselves.

Python is on every host that Ansible provisions, so nothing is installed for it.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping

from infra.fleet import Machine

Place = tuple[str, str, int]
"""Protocol, address and port."""

OPEN = "open"
"""A connection was taken, or an ng ping answered; what is not open is refused or silent."""

_KNOCK = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def knock(place):
    protocol, address, port = place
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[protocol]
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as end:
        end.settimeout(1)
        for _ in range(2):  # a datagram may be lost, and so may a SYN
            try:
                end.connect((address, port))
                if protocol == "udp":
                    end.send(b"infra d7:command4:pinge")
                    end.recv(1500)
                return "open"
            except TimeoutError:
                continue
            except OSError as error:
                return f"refused ({error.strerror})"
    return "silent"

places = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(places)) as pool:
    print(json.dumps(list(pool.map(knock, places))))
"""


def knock(who: Machine | None, places: Iterable[Place]) -> Mapping[Place, str]:
    """Try some ports, all at once.

    Args:
        who: the host to do it from; None for the control node.
        places: what to try.

    Returns:
        For each place :data:`OPEN`, or how it was not.
    """
    tried = list(places)
    if who is None:
        argv = [sys.executable, "-c", _KNOCK, json.dumps(tried)]
        answer = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    else:
        answer = who.output(f"python3 -c {shlex.quote(_KNOCK)} {shlex.quote(json.dumps(tried))}")
    return dict(zip(tried, json.loads(answer), strict=True))
