"""How long rtpengine's commands took, seen from the wire.

A request is matched to its reply by cookie and 5-tuple. Time runs from the *first* transmission
of the request to the first complete reply, because that is how long the proxy's worker waits.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from slowbye.measure.percentiles import Percentiles, summarize
from slowbye.measure.reassembly import Datagram
from slowbye.ng.codec import Reply, Request, decode, proxy_cookie
from slowbye.ng.errors import NgError

Node = tuple[str | None, int]
"""Where rtpengine is reached, or a tunnel to it: address and UDP port; None is any address."""


@dataclass
class Exchange:
    """One command: its request, sent once or more often, and the reply, if it came.

    Attributes:
        first_ms: first transmission, on the captured host's clock.
        last_ms: latest transmission.
        transmissions: how often the request was sent; each after the first is a retransmission.
        reply_ms: when the first reply was complete; None when none came.
        reply_bytes: UDP payload of the largest reply (cookie and dictionary, no headers).
        reply_fragments: into how many IP packets the reply was cut; 0 when none came.
        replies: how many came; each beyond the transmissions was asked for by nobody.
        cookie: as it was captured.
        call_id: of which call; empty for commands that concern none.
    """

    command: str
    first_ms: float
    last_ms: float
    transmissions: int = 1
    reply_ms: float | None = None
    reply_bytes: int = 0
    reply_fragments: int = 0
    replies: int = 0
    cookie: str = ""
    call_id: str = ""

    @property
    def proxy_cookie(self) -> str:
        """The cookie as the proxy made it, wherever it was captured."""
        return proxy_cookie(self.cookie)

    @property
    def ms(self) -> float | None:
        """Time to the reply, or None."""
        return None if self.reply_ms is None else self.reply_ms - self.first_ms


@dataclass(frozen=True)
class CommandTimes:
    """All exchanges of one command; times in milliseconds, None where nothing was measured.

    Attributes:
        count: requests, retransmissions not counted.
        p50, p99, max: time to the reply, of those answered, however late.
        reply_bytes_max: UDP payload of the largest reply.
        fragmented: replies that were cut into IP fragments.
        retransmits: transmissions beyond the first of each request.
        unanswered: requests without any complete reply.
        late: requests whose reply came after the proxy had given up.
        gave_up: of unanswered and late ones, how long the proxy waited: from the first
            transmission to the last, and one more try's time for that last one.
    """

    count: int
    p50: float | None
    p99: float | None
    max: float | None
    reply_bytes_max: int
    fragmented: int
    retransmits: int
    unanswered: int
    late: int
    gave_up: Percentiles


@dataclass
class NgTrace:
    """What one capture shows of the ng protocol.

    Attributes:
        by_key: the exchanges, by 5-tuple and cookie.
        garbled: datagrams that are no ng message: cut off, or several in one.
    """

    by_key: dict[tuple[object, ...], Exchange] = field(default_factory=dict)
    garbled: int = 0

    @property
    def exchanges(self) -> list[Exchange]:
        """All of them, in the order of their first requests."""
        return list(self.by_key.values())

    @property
    def duplicated(self) -> int:
        """Replies beyond one for each transmission of a request."""
        return sum(max(0, each.replies - each.transmissions) for each in self.by_key.values())

    def add(self, datagram: Datagram) -> None:
        """Take the next datagram of the capture."""
        try:
            message = decode(datagram.payload)
        except NgError:
            self.garbled += 1
            return
        if isinstance(message, Request):
            self._add_request(message, datagram)
        else:
            self._add_reply(message, datagram)

    def _add_request(self, request: Request, datagram: Datagram) -> None:
        key = (datagram.source, datagram.destination, request.cookie)
        known = self.by_key.get(key)
        if known is None:
            self.by_key[key] = Exchange(
                request.command,
                datagram.time_ms,
                datagram.time_ms,
                cookie=request.cookie,
                call_id=str(request.body.get("call-id", "")),
            )
        else:
            known.transmissions += 1
            known.last_ms = datagram.time_ms

    def _add_reply(self, reply: Reply, datagram: Datagram) -> None:
        exchange = self.by_key.get((datagram.destination, datagram.source, reply.cookie))
        if exchange is None:
            return
        if exchange.reply_ms is None:
            exchange.reply_ms = datagram.time_ms
        exchange.replies += 1
        exchange.reply_bytes = max(exchange.reply_bytes, len(datagram.payload))
        exchange.reply_fragments = max(exchange.reply_fragments, datagram.fragments)


def trace(datagrams: Iterable[Datagram], nodes: Collection[Node]) -> NgTrace:
    """Match requests and replies among the datagrams to and from some nodes."""
    found = NgTrace()
    for datagram in datagrams:
        if _is_of(datagram.destination, nodes) or _is_of(datagram.source, nodes):
            found.add(datagram)
    return found


def _is_of(end: tuple[str, int], nodes: Collection[Node]) -> bool:
    return end in nodes or (None, end[1]) in nodes


def by_command(
    exchanges: Iterable[Exchange], try_ms: float, give_up_ms: float
) -> Mapping[str, CommandTimes]:
    """Summarize exchanges for each command.

    Args:
        exchanges: of a :class:`NgTrace`.
        try_ms: how long the proxy waits for each transmission (``rtpengine_tout``).
        give_up_ms: how long it waits in all (``rtpengine_tout`` times ``rtpengine_retr``).
    """
    commands: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        commands.setdefault(exchange.command, []).append(exchange)
    return {
        command: _times(of_one, try_ms, give_up_ms) for command, of_one in sorted(commands.items())
    }


def _times(exchanges: list[Exchange], try_ms: float, give_up_ms: float) -> CommandTimes:
    answered = [exchange.ms for exchange in exchanges if exchange.ms is not None]
    unanswered = [exchange for exchange in exchanges if exchange.ms is None]
    late = [exchange for exchange in exchanges if (exchange.ms or 0.0) > give_up_ms]
    times = summarize(answered)
    return CommandTimes(
        count=len(exchanges),
        p50=times.p50,
        p99=times.p99,
        max=times.max,
        reply_bytes_max=max(exchange.reply_bytes for exchange in exchanges),
        fragmented=sum(exchange.reply_fragments > 1 for exchange in exchanges),
        retransmits=sum(exchange.transmissions - 1 for exchange in exchanges),
        unanswered=len(unanswered),
        late=len(late),
        gave_up=summarize(
            exchange.last_ms - exchange.first_ms + try_ms for exchange in unanswered + late
        ),
    )
