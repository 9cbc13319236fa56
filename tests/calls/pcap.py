"""A capture that is read while tcpdump still writes it (the file format: pcap-savefile(5))."""

import struct
from pathlib import Path
from typing import NamedTuple

HEADER_BYTES = 24
_RECORD = struct.Struct("<IIII")


class Record(NamedTuple):
    """A packet as it stands in the file.

    Attributes:
        at: when it was captured, in seconds since the epoch.
        data: its record header and its bytes.
    """

    at: float
    data: bytes


class Tail:
    """What has been added to a capture since the last look."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.header = self._file.read(HEADER_BYTES)
        self._rest = b""

    def read(self) -> list[Record]:
        """Return the packets that are complete by now."""
        data = self._rest + self._file.read()
        records = []
        begin = 0
        while begin + _RECORD.size <= len(data):
            seconds, micros, length, _ = _RECORD.unpack_from(data, begin)
            end = begin + _RECORD.size + length
            if end > len(data):
                break
            records.append(Record(seconds + micros / 1e6, data[begin:end]))
            begin = end
        self._rest = data[begin:]
        return records

    def close(self) -> None:
        """Close the file."""
        self._file.close()
