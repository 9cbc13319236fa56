"""Clear after a time, even when whoever applied is gone.

Where systemd runs the machine (and this network namespace), a transient timer does it; elsewhere a
detached process: ``python -m slowbye.netem.expiry TOKEN SECONDS``. Both carry a token, and only the
state with the same token is cleared, so that an expiry that was replaced does nothing.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from slowbye.errors import SlowbyeError
from slowbye.netem.state import Expiry


def arrange_expiry(after_ms: float) -> Expiry:
    """Arrange that what is in force is cleared after this many milliseconds.

    Raises:
        SlowbyeError: neither systemd nor a process could be started.
    """
    token = secrets.token_hex(8)
    at = time.time() + after_ms / 1000
    seconds = f"{after_ms / 1000:.3f}"
    command = [sys.executable, "-m", "slowbye.netem.expiry", token]
    if _systemd_is_here():
        unit = f"slowbye-wan-expire-{token}"
        started = subprocess.run(
            [
                "systemd-run",
                f"--unit={unit}",
                f"--on-active={seconds}s",
                "--timer-property=AccuracySec=100ms",
                *command,
                "0",
            ],
            capture_output=True,
            check=False,
        )
        if started.returncode == 0:
            return Expiry(token, at, unit=unit)
    try:
        process = subprocess.Popen(
            [*command, seconds],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise SlowbyeError(f"cannot start the process that clears later: {error}") from error
    # For a moment it has no command line yet, by which it could be told and cancelled.
    while process.poll() is None and not _runs(process.pid, token):
        time.sleep(0.001)
    return Expiry(token, at, pid=process.pid)


def cancel_expiry(expiry: Expiry | None) -> None:
    """Stop the pending timer or process, if it is still that one."""
    if expiry is None:
        return
    if expiry.unit is not None:
        subprocess.run(
            ["systemctl", "stop", f"{expiry.unit}.timer"], capture_output=True, check=False
        )
    if expiry.pid is not None and expiry.pid != os.getpid() and _runs(expiry.pid, expiry.token):
        with contextlib.suppress(ProcessLookupError):
            os.kill(expiry.pid, signal.SIGTERM)


def _runs(pid: int, token: str) -> bool:
    try:
        return token.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _systemd_is_here() -> bool:
    if not Path("/run/systemd/system").is_dir() or shutil.which("systemd-run") is None:
        return False
    try:
        ours, its = os.stat("/proc/self/ns/net"), os.stat("/proc/1/ns/net")
    except OSError:
        return False
    return ours.st_ino == its.st_ino


def _main(token: str, seconds: str) -> None:
    time.sleep(float(seconds))
    from slowbye.netem.control import clear

    clear(only_token=token)


if __name__ == "__main__":
    _main(*sys.argv[1:])
