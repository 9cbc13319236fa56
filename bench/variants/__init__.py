"""The ways from the proxy to rtpengine that are compared."""

from bench.variants import direct, ngtunnel, socat, trojan, udptunnel
from bench.variants.model import Ground, Setup, Variant

VARIANTS: tuple[Variant, ...] = (
    direct.DIRECT,
    ngtunnel.PLAIN,
    ngtunnel.TLS,
    ngtunnel.RAW,
    socat.SOCAT,
    udptunnel.UDPTUNNEL,
    trojan.TROJAN,
)

__all__ = ["VARIANTS", "Ground", "Setup", "Variant"]
