"""What was done and how to undo it, in a file of this network namespace under /run/slowbye."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from slowbye.errors import SlowbyeError
from slowbye.netem.original import Saved

DIRECTORY = Path("/run/slowbye")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Interface:
    """An interface that was changed.

    Attributes:
        original: what to put back; empty for the kernel's default.
        bands: of its tree, as (classid, what matches, innermost qdisc).
    """

    name: str
    ifindex: int
    original: tuple[Saved, ...] = ()
    bands: tuple[tuple[int, str, int], ...] = ()


@dataclass(frozen=True)
class Expiry:
    """A pending clear; `unit` of systemd or else the process `pid`; `at` in Unix seconds."""

    token: str
    at: float
    unit: str | None = None
    pid: int | None = None


@dataclass(frozen=True)
class State:
    """What is in force.

    Attributes:
        complete: false while it is being made or undone; what broke off there is undone.
        redirect: an interface and the ifb device that was made for its ingress.
    """

    profile: str
    parameters: dict[str, str]
    rtt_ms: float
    lines: tuple[str, ...]
    interfaces: tuple[Interface, ...]
    complete: bool = False
    redirect: tuple[str, str] | None = None
    expiry: Expiry | None = None
    boot_id: str = field(default_factory=lambda: _BOOT_ID.read_text().strip())


def _namespace() -> int:
    return os.stat("/proc/thread-self/ns/net").st_ino


def _path() -> Path:
    return DIRECTORY / f"wan-{_namespace()}.json"


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold the lock under which qdiscs and state are changed.

    Raises:
        SlowbyeError: the directory cannot be written.
    """
    try:
        DIRECTORY.mkdir(mode=0o755, exist_ok=True)
        lock = (DIRECTORY / "wan.lock").open("w")
    except OSError as error:
        raise SlowbyeError(f"{error.filename}: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def load_state() -> State | None:
    """Read the state; None when nothing was applied since the machine started.

    Raises:
        SlowbyeError: the file is not what slowbye wrote.
    """
    path = _path()
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["boot_id"] != _BOOT_ID.read_text().strip():
            return None
        raw["lines"] = tuple(raw["lines"])
        raw["interfaces"] = tuple(_interface(entry) for entry in raw["interfaces"])
        raw["redirect"] = tuple(raw["redirect"]) if raw["redirect"] else None
        raw["expiry"] = Expiry(**raw["expiry"]) if raw["expiry"] else None
        return State(**raw)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise SlowbyeError(
            f"{path}: damaged ({error}); remove the qdiscs (tc qdisc del dev IF root) and this file"
        ) from error


def store_state(state: State) -> None:
    """Write the state so that either the old or the new one survives a crash."""
    path = _path()
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(asdict(state), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def forget_state() -> None:
    """Remove the state: nothing is in force."""
    _path().unlink(missing_ok=True)


def _interface(entry: dict[str, object]) -> Interface:
    original, bands = entry["original"], entry["bands"]
    if not isinstance(original, list) or not isinstance(bands, list):
        raise TypeError("interfaces")
    return Interface(
        name=str(entry["name"]),
        ifindex=int(str(entry["ifindex"])),
        original=tuple(Saved(**saved) for saved in original),
        bands=tuple((int(band[0]), str(band[1]), int(band[2])) for band in bands),
    )
