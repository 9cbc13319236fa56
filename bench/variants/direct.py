"""No tunnel at all: what the machine, the generator and the responder can do."""

from bench.variants.model import Ground, Setup, Variant, through


def _build(ground: Ground) -> Setup:
    responder = (ground.far, next(ground.ports))
    return through(ground, responder, responder)


DIRECT = Variant("direct", "UDP without a tunnel: the generator's own limit", None, "", _build)
