"""Turns between the processes of pytest-xdist: a test marked ``alone`` has the lab to itself."""

import fcntl
from pathlib import Path


class Turns:
    """A lock that ordinary tests share, and that a test marked ``alone`` has for itself.

    It is kept between two tests that are alone, because what they have in common (an impaired WAN)
    outlasts the first of them.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._alone = False

    def begin(self, alone: bool) -> None:
        """Wait for this test's turn."""
        if not (alone and self._alone):
            fcntl.flock(self._file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        self._alone = alone

    def end(self) -> None:
        """Let others have theirs."""
        if not self._alone:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up the lock for good."""
        self._file.close()
