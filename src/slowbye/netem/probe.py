"""Ask the kernel for what a plan needs, before anything is changed."""

import contextlib
import ctypes
import errno
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from slowbye.errors import SlowbyeError
from slowbye.netem.rtnetlink import NEW_FILTER, NEW_QDISC, Kernel, KernelError
from slowbye.netem.tree import ROOT, Filter, Htb, Key, Netem, Options, Pfifo, Prio
from slowbye.netem.wire import encode_filter, encode_options

_CLONE_NEWNET = 0x40000000
_CAP_NET_ADMIN = 12
_LOOPBACK = 1
_OPTIONS: dict[str, Options] = {
    "prio": Prio(3),
    "netem": Netem(limit=1000),
    "htb": Htb(1),
    "pfifo": Pfifo(1000),
}
NEEDED = ("prio", "netem", "u32")
OPTIONAL = ("htb", "ifb")
_MODULES = {"u32": "cls_u32", "ifb": "ifb"}


def module_of(kind: str) -> str:
    """The kernel module that brings a qdisc, classifier or device."""
    return _MODULES.get(kind, f"sch_{kind}")


def require_privilege() -> None:
    """Check that this process may change qdiscs.

    Raises:
        SlowbyeError: it may not.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:") and int(line.split()[1], 16) >> _CAP_NET_ADMIN & 1:
            return
    raise SlowbyeError("changing qdiscs needs root or CAP_NET_ADMIN: run this with sudo")


def missing_kinds(kinds: Iterable[str]) -> list[str] | None:
    """Which of these the kernel does not have.

    They are tried on the loopback of a network namespace that exists only for this. Modules that
    the kernel can load by itself are loaded.

    Returns:
        The kinds that are missing, or None when a namespace could not be made (no CAP_SYS_ADMIN).
    """
    wanted = list(kinds)
    result: list[list[str] | None] = [None]

    def try_in_new_namespace() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) == 0:
            with Kernel() as kernel:
                result[0] = [kind for kind in wanted if not _has(kernel, kind)]

    thread = threading.Thread(target=try_in_new_namespace)
    thread.start()
    thread.join()
    return result[0]


def require_kinds(kinds: Iterable[str]) -> None:
    """Check that the kernel has everything that a plan needs.

    Raises:
        SlowbyeError: naming each missing module.
    """
    missing = missing_kinds(kinds)
    if missing:
        raise SlowbyeError(
            f"this kernel ({os.uname().release}) has no "
            f"{', '.join(module_of(kind) for kind in missing)}: load the module, install the "
            "kernel's extra modules, or use a kernel that has it (such as User-Mode Linux)"
        )


def _has(kernel: Kernel, kind: str) -> bool:
    try:
        if kind == "ifb":
            kernel.add_ifb("ifb-probe")
        elif kind == "u32":
            _try_u32(kernel)
        else:
            kernel.add(
                NEW_QDISC,
                _LOOPBACK,
                kind,
                encode_options(_OPTIONS[kind]),
                handle=0x10000,
                parent=ROOT,
            )
    except KernelError as error:
        if error.code in (errno.ENOENT, errno.EOPNOTSUPP):
            return False
        raise
    finally:
        with contextlib.suppress(KernelError):
            kernel.delete_qdisc(_LOOPBACK, ROOT)
    return True


def _try_u32(kernel: Kernel) -> None:
    """u32 needs a qdisc with classes to stand on; without any, its absence is found later."""
    for kind in ("prio", "htb"):
        try:
            options = encode_options(_OPTIONS[kind])
            kernel.add(NEW_QDISC, _LOOPBACK, kind, options, handle=0x10000, parent=ROOT)
        except KernelError:
            continue
        item = Filter(0x10000, 1, 0x0800, (Key(0, 0, 0),), 0x10001)
        kernel.add(
            NEW_FILTER, _LOOPBACK, "u32", encode_filter(item), parent=0x10000, info=1 << 16 | 8
        )
        return
