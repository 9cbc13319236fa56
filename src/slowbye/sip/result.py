"""What a batch of calls measured: the contract between ``slowbye call`` and those who read it.

All times are milliseconds on the client's monotonic clock, measured where RFC 3261 draws the
transaction: from the first transmission of the request to the arrival of the final response.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

HangupSide = Literal["caller", "callee"]


@dataclass(frozen=True)
class Transaction:
    """One SIP client transaction, as its sender saw it.

    Attributes:
        method: REGISTER, INVITE, BYE or OPTIONS.
        start_ms: when the request was first sent, since the batch began.
        ms: time to the final response, or to giving up.
        status: the final response's code; None when none came (Timer B or F fired).
    """

    method: str
    start_ms: float
    ms: float
    status: int | None


@dataclass(frozen=True)
class MediaFlow:
    """RTP and RTCP of one party in one call.

    Attributes:
        remote: "address:port" that this party was told to send to (the SDP's c= and m= lines).
        received_from: the "address:port" pairs that RTP really came from.
        rtp_sent, rtp_received, rtcp_sent, rtcp_received: packets.
    """

    remote: str
    received_from: list[str]
    rtp_sent: int
    rtp_received: int
    rtcp_sent: int
    rtcp_received: int


@dataclass(frozen=True)
class CallResult:
    """One call, from INVITE to the answer of its BYE.

    Attributes:
        call_id: the Call-ID header, which is also rtpengine's call-id.
        failure: empty for a call that was set up and torn down, else the reason in words.
        rtp_ok: both parties received RTP.
    """

    call_id: str
    hangup: HangupSide
    failure: str
    invite: Transaction
    bye: Transaction | None
    caller: MediaFlow | None
    callee: MediaFlow | None
    rtp_ok: bool


@dataclass(frozen=True)
class BatchResult:
    """All calls of one batch, and what a bystander felt meanwhile.

    Attributes:
        transport: "udp" or "tcp".
        registers: the REGISTER transactions of both users.
        bystander: OPTIONS transactions of a third client through the same proxy.
    """

    proxy: str
    transport: str
    registers: list[Transaction]
    calls: list[CallResult]
    bystander: list[Transaction] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and lists, ready for ``json.dumps``."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild what :meth:`to_json` returned."""

        def transaction(value: dict[str, Any] | None) -> Transaction | None:
            return None if value is None else Transaction(**value)

        def flow(value: dict[str, Any] | None) -> MediaFlow | None:
            return None if value is None else MediaFlow(**value)

        calls = [
            CallResult(
                **{
                    **call,
                    "invite": Transaction(**call["invite"]),
                    "bye": transaction(call["bye"]),
                    "caller": flow(call["caller"]),
                    "callee": flow(call["callee"]),
                }
            )
            for call in data["calls"]
        ]
        return cls(
            proxy=data["proxy"],
            transport=data["transport"],
            registers=[Transaction(**value) for value in data["registers"]],
            calls=calls,
            bystander=[Transaction(**value) for value in data["bystander"]],
        )
