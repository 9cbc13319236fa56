"""Load and remove kernel modules of a UML guest, whose machine may have no kmod."""

import ctypes
import errno
import os
import platform
import time
from pathlib import Path

DIRECTORY = Path("/usr/lib/uml/modules") / os.uname().release
_FINIT_MODULE = {"x86_64": 313, "i686": 350, "aarch64": 273}
_LIBC = ctypes.CDLL(None, use_errno=True)


def loaded(name: str) -> bool:
    """Whether the module is there as a module."""
    return Path(f"/sys/module/{name}/refcnt").exists()


def load(name: str) -> None:
    """Load a module and what it depends on."""
    for path in _paths()[name]:
        fd = os.open(DIRECTORY / path, os.O_RDONLY)
        try:
            if _LIBC.syscall(_FINIT_MODULE[platform.machine()], fd, b"", 0) != 0:
                code = ctypes.get_errno()
                if code != errno.EEXIST:
                    raise OSError(code, os.strerror(code), path)
        finally:
            os.close(fd)


def unload(name: str) -> None:
    """Remove a module as soon as nothing uses it; the kernel frees qdiscs a little later."""
    until = time.monotonic() + 5
    while _LIBC.delete_module(name.encode(), os.O_NONBLOCK) != 0:
        code = ctypes.get_errno()
        if code != errno.EAGAIN or time.monotonic() > until:
            raise OSError(code, os.strerror(code), name)
        time.sleep(0.02)


def _paths() -> dict[str, list[str]]:
    """Of each module by name: the files to load, dependencies first."""
    found = {}
    for line in (DIRECTORY / "modules.dep").read_text().splitlines():
        path, needed = line.split(":")
        name = path.rsplit("/", 1)[-1].removesuffix(".ko").replace("-", "_")
        found[name] = [*reversed(needed.split()), path]
    return found
