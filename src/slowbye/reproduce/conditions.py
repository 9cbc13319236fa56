"""What a run was made under, which decides what it should show."""

from dataclasses import dataclass

from slowbye.netem.model import Effect


@dataclass(frozen=True)
class Conditions:
    """What a run was made under; times in milliseconds.

    Attributes:
        effect: what the profile does.
        delay_ms: how much later fragments arrive, at most.
        rtt_ms: the WAN's nominal round-trip time.
        try_ms, tries: how long the proxy waits for rtpengine, and how often it asks.
        workers: how many SIP workers the proxy has.
        disabled_s: for how long it does without a node that it gave up.
        queued: calls share a TCP connection, which one worker serves, so their BYEs wait for
            each other.
        clean_bye_p99_ms: BYE p99 of ``direct`` on the clean WAN in the same session, which a cure
            is measured by; None where that was not run.
    """

    effect: Effect
    delay_ms: float
    rtt_ms: float
    try_ms: float = 1000.0
    tries: int = 5
    workers: int = 8
    disabled_s: int = 60
    queued: bool = False
    clean_bye_p99_ms: float | None = None

    @property
    def give_up_ms(self) -> float:
        """When the proxy stops waiting for a reply."""
        return self.try_ms * self.tries
