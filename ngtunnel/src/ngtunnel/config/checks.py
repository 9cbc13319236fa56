"""What no single value can tell: values that contradict each other."""

from ngtunnel.config.model import Config, Limits, Protocol, ServerConfig, Timing
from ngtunnel.config.table import FaultError
from ngtunnel.core.wire import HEADER_SIZE

_ONLY_NG = {
    "error_reason": "a raw tunnel has no errors to answer with",
    "in_flight_file": "a raw tunnel knows no requests",
}


def check_together(config: Config, given: frozenset[str]) -> None:
    """Refuse values that contradict each other.

    Args:
        config: every value of which is allowed by itself.
        given: the top level keys that the file has.

    Raises:
        FaultError: two of them contradict each other.
    """
    _check_timing(config.timing)
    _check_limits(config.limits)
    if isinstance(config, ServerConfig):
        if config.tls is None and config.allow_names is not None:
            raise FaultError("allow_names: needs tls: the names are those in certificates")
    elif config.protocol is Protocol.RAW:
        for key in sorted(given & _ONLY_NG.keys()):
            raise FaultError(f'{key}: is for protocol = "ng" only: {_ONLY_NG[key]}')


def _check_timing(timing: Timing) -> None:
    if timing.dead_after <= 2 * timing.heartbeat:
        raise FaultError(
            f"timing.dead_after_ms: {_ms(timing.dead_after)} is not allowed: more than twice "
            f"timing.heartbeat_ms, which is {_ms(timing.heartbeat)}"
        )
    for low, high in (
        ("reconnect_min", "reconnect_max"),
        ("hedge_min", "hedge_max"),
        ("hedge_max", "command_timeout"),
        ("max_age", "command_timeout"),
    ):
        least, most = getattr(timing, low), getattr(timing, high)
        if least > most:
            raise FaultError(
                f"timing.{low}_ms: {_ms(least)} is not allowed: "
                f"at most timing.{high}_ms, which is {_ms(most)}"
            )


def _check_limits(limits: Limits) -> None:
    longest = limits.datagram_bytes + HEADER_SIZE
    if limits.queue_bytes < longest:
        raise FaultError(
            f"limits.queue_bytes: {limits.queue_bytes} is not allowed: at least {longest}, "
            "which is limits.datagram_bytes and a frame's header"
        )
    if limits.links_per_client > limits.links:
        raise FaultError(
            f"limits.links_per_client: {limits.links_per_client} is not allowed: "
            f"at most limits.links, which is {limits.links}"
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:g}"
