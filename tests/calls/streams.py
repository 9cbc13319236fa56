"""SIP messages out of the TCP segments of a capture."""

from dataclasses import dataclass, field

from slowbye.sip.framing import FramingError, MessageStream


@dataclass
class OneWay:
    """One direction of a connection: bytes in order, whatever the order of the segments."""

    next_sequence: int | None = None
    early: dict[int, bytes] = field(default_factory=dict)
    stream: MessageStream = field(default_factory=MessageStream)

    def feed(self, sequence: int, opens: bool, data: bytes) -> list[bytes]:
        """Take a segment and return the messages that it completes.

        Args:
            sequence: of its first byte.
            opens: it is a SYN, whose flag takes a sequence number.
            data: its payload.
        """
        if opens:
            self.next_sequence = (sequence + 1) & 0xFFFFFFFF
            return []
        if not data:
            return []
        if self.next_sequence is None:
            self.next_sequence = sequence
        self.early[sequence] = data
        whole = b""
        while self.next_sequence in self.early:
            part = self.early.pop(self.next_sequence)
            whole += part
            self.next_sequence = (self.next_sequence + len(part)) & 0xFFFFFFFF
        try:
            return self.stream.feed(whole)
        except FramingError:
            self.stream = MessageStream()
            return []
