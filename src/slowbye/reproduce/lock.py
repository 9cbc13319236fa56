"""One session at a time for each inventory: two would restart each other's proxy in mid-call."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slowbye.errors import SlowbyeError


@contextmanager
def alone(inventory: str) -> Iterator[None]:
    """Hold the inventory's lock; the kernel releases it however this process ends.

    Raises:
        SlowbyeError: another session holds it; which process that is.
    """
    name = hashlib.sha256(str(Path(inventory).resolve()).encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"slowbye-{os.getuid()}-{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = file.read().strip() or "?"
            raise SlowbyeError(
                f"another session (process {owner}) is using the hosts of {inventory}: "
                "wait for it, or stop it"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
