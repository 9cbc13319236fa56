"""Tables of delay distributions, as iproute2 installs them for tc."""

from pathlib import Path

from slowbye.errors import SlowbyeError

_PLACES = ("/usr/lib/tc", "/usr/lib64/tc", "/usr/share/tc", "/lib/tc")
_MAX_ENTRIES = 16384


def load_distribution(name: str) -> tuple[int, ...]:
    """Read a table of 16-bit numbers; the kernel takes one at random and scales it by the jitter.

    Args:
        name: ``normal``, ``pareto`` or ``paretonormal``; nothing is read for ``uniform``.

    Raises:
        SlowbyeError: iproute2's tables are not installed.
    """
    if name == "uniform":
        return ()
    places = [Path(place) for place in _PLACES] + sorted(Path("/usr/lib").glob("*/tc"))
    for place in places:
        path = place / f"{name}.dist"
        if path.is_file():
            return _read(path)
    raise SlowbyeError(
        f"distribution {name}: {name}.dist is in none of {', '.join(map(str, places))}; "
        "install iproute2"
    )


def _read(path: Path) -> tuple[int, ...]:
    lines = path.read_text(encoding="ascii").splitlines()
    numbers = [int(word) for line in lines if not line.startswith("#") for word in line.split()]
    if not 0 < len(numbers) <= _MAX_ENTRIES:
        raise SlowbyeError(f"{path}: expected 1 to {_MAX_ENTRIES} numbers")
    return tuple(max(-32768, min(32767, number)) for number in numbers)
