"""SIP messages out of a TCP stream (RFC 3261 §18.3): the stream has no boundaries of its own."""

import re

# A proxy's messages are a few kilobytes. The limit is what a peer that never ends its
# headers, or that announces an absurd body, can make us hold.
MAX_MESSAGE_BYTES = 65_536

_CONTENT_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,7})[ \t]*$", re.I | re.M)


class FramingError(ValueError):
    """The stream cannot be cut into messages any more; the connection is of no further use."""


class MessageStream:
    """Cut what TCP delivers into SIP messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes as they come and return the messages that they complete.

        Blank lines between messages are keep-alives (RFC 5626 §3.5.1) and are dropped.

        Raises:
            FramingError: a message is too long, or has a body of unknown length.
        """
        self._buffer += data
        messages = []
        while (message := self._take()) is not None:
            messages.append(message)
        return messages

    def _take(self) -> bytes | None:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        header_end = self._buffer.find(b"\r\n\r\n")
        if header_end < 0:
            if len(self._buffer) > MAX_MESSAGE_BYTES:
                raise FramingError("SIP headers without an end")
            return None
        header = bytes(self._buffer[:header_end]).replace(b"\r\n", b"\n")
        lengths = _CONTENT_LENGTH.findall(header)
        if len(lengths) != 1:
            raise FramingError("a SIP message over TCP needs exactly one Content-Length")
        end = header_end + 4 + int(lengths[0])
        if end > MAX_MESSAGE_BYTES:
            raise FramingError("SIP message too long")
        if len(self._buffer) < end:
            return None
        message = bytes(self._buffer[:end])
        del self._buffer[:end]
        return message
