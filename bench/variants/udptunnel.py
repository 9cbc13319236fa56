"""udptunnel 1.1 of Debian: length-prefixed datagrams over one TCP connection, in C.

Its manual says that it does not support requests and replies: it receives on the port it is
given, but sends from another, and sends only to the address it is given, at that same port. So
neither OpenSIPS nor rtpengine can use it: the answer to whoever asked would go to a port where
nobody listens. Here each peer has a pair of its own and a port of its own, the responder answers
to the port that it listens on itself, and the peers hear whoever answers: what RTP does. It shows
what framing costs in C.
"""

from bench.processes import Program
from bench.variants.model import LOOPBACK, Ground, Setup, Variant

# Each udptunnel has its port on all addresses, its neighbour has the same on one of these.
_RESPONDER, _PEER = "127.0.0.2", "127.0.0.3"


def _build(ground: Ground) -> Setup:
    responder, peers, programs = [], [], []
    for _ in range(ground.peers):
        tcp, server, client = (next(ground.ports) for _ in range(3))
        responder.append((_RESPONDER, server))
        peers.append(((_PEER, client), (LOOPBACK, client)))
        programs += [
            Program(("udptunnel", "-s", str(tcp), f"{_RESPONDER}/{server}"), "tcp", tcp),
            Program(("udptunnel", "-c", f"{LOOPBACK}/{tcp}", f"{_PEER}/{client}"), "udp", client),
        ]
    return Setup(tuple(responder), tuple(peers), tuple(programs), to_own_port=True)


UDPTUNNEL = Variant(
    "udptunnel",
    "a pair for each peer; it cannot serve a proxy (replies must go to a fixed port)",
    "udptunnel",
    "udptunnel",
    _build,
    most_peers=64,
)
