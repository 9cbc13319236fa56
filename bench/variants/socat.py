"""socat, with the arguments that role ``socat`` gives it."""

from bench.processes import Program
from bench.variants.model import LOOPBACK, Ground, Setup, Variant, through


def _build(ground: Ground) -> Setup:
    target, server, client = (next(ground.ports) for _ in range(3))
    return through(
        ground,
        (LOOPBACK, target),
        (LOOPBACK, client),
        _program("tcp", ground.far, server, f"UDP4:{LOOPBACK}:{target}"),
        _program("udp", LOOPBACK, client, f"TCP4:{ground.far}:{server}"),
    )


def _program(transport: str, address: str, port: int, to: str) -> Program:
    listen = f"{transport.upper()}4-LISTEN:{port},bind={address},reuseaddr,fork"
    return Program(("socat", listen, to), transport, port)


SOCAT = Variant(
    "socat",
    "UDP4-LISTEN,fork to TCP4 and back: a process for each peer at both ends",
    "socat",
    "socat",
    _build,
)
