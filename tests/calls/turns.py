"""Turns between the processes of pytest-xdist: a test marked ``alone`` has the lab to itself."""

import fcntl
from pathlib import Path


class Turns:
    """A lock that ordinary tests share, and that tests marked ``alone`` have for themselves."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._alone = False

    def begin(self, alone: bool) -> None:
        """Wait for a test's turn."""
        if not (alone and self._alone):
            fcntl.flock(self._file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        self._alone = alone

    def end(self, next_is_alone: bool) -> None:
        """Let others have theirs.

        Between two tests that are alone nobody has: what these have in common, such as an impaired
        WAN, outlasts the first of them.
        """
        if not (self._alone and next_is_alone):
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._alone = False
