"""Ask the kernel for what a plan needs, before anything is changed."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from slowbye.errors import SlowbyeError
from slowbye.netem.install import install, redirect_ingress
from slowbye.netem.rtnetlink import NEW_FILTER, NEW_QDISC, Kernel, KernelError
from slowbye.netem.tree import ROOT, Filter, Htb, Key, Netem, Options, Pfifo, Prio, Tree, module_of
from slowbye.netem.wire import encode_filter, encode_options

NEEDED = ("prio", "netem", "u32")
OPTIONAL = ("htb", "ifb", "ingress", "mirred")
_CLONE_NEWNET = 0x40000000
_CAP_NET_ADMIN = 12
_LOOPBACK = 1
_OPTIONS: dict[str, Options] = {
    "prio": Prio(3),
    "netem": Netem(limit=1000),
    "htb": Htb(1),
    "pfifo": Pfifo(1000),
}
_ABSENT = (errno.ENOENT, errno.EOPNOTSUPP)
Result = TypeVar("Result")


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
    """Which of these qdiscs, classifiers, actions and devices the kernel does not have.

    They are tried in a network namespace that exists only for this; modules that the kernel can
    load by itself are loaded.

    Returns:
        The kinds that are missing, or None when a namespace could not be made (no CAP_SYS_ADMIN).
    """
    return _in_new_namespace(lambda: [kind for kind in kinds if not _has(kind)])


def rehearse(
    trees: Sequence[Tree], kinds: Iterable[str], distributions: Mapping[str, Sequence[int]]
) -> None:
    """Make the trees in a network namespace that exists only for this.

    Without the privilege to make one, what the kernel refuses is found when it is applied.

    Raises:
        SlowbyeError: naming each missing module, or the first part that the kernel refuses.
    """
    missing = missing_kinds(kinds)
    if missing:
        raise SlowbyeError(
            f"this kernel ({os.uname().release}) has no "
            f"{', '.join(module_of(kind) for kind in missing)}: load the module, install the "
            "kernel's extra modules, or use a kernel that has it (such as User-Mode Linux)"
        )

    def make_all() -> None:
        with Kernel() as kernel:
            for tree in trees:
                install(kernel, tree, _LOOPBACK, distributions)
                kernel.delete_qdisc(_LOOPBACK, ROOT)

    _in_new_namespace(make_all)


def _in_new_namespace(work: Callable[[], Result]) -> Result | None:
    """Run in a thread of its own, because a namespace belongs to a thread."""

    def run() -> Result | None:
        libc = ctypes.CDLL(None, use_errno=True)
        return work() if libc.unshare(_CLONE_NEWNET) == 0 else None

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(run).result()


def _has(kind: str) -> bool:
    with Kernel() as kernel:
        try:
            _TRIALS.get(kind, _try_qdisc)(kernel, kind)
        except KernelError as error:
            if error.code in _ABSENT:
                return False
            raise
        finally:
            kernel.delete_qdisc(_LOOPBACK, ROOT)
    return True


def _try_qdisc(kernel: Kernel, kind: str) -> None:
    options = encode_options(_OPTIONS[kind])
    kernel.add(NEW_QDISC, _LOOPBACK, kind, options, handle=0x10000, parent=ROOT)


def _try_u32(kernel: Kernel, _: str) -> None:
    """A filter needs a qdisc with classes; without any, u32's absence is found later."""
    for classful in ("prio", "htb"):
        try:
            _try_qdisc(kernel, classful)
        except KernelError:
            continue
        item = Filter(0x10000, 1, 0x0800, (Key(0, 0, 0),), 0x10001)
        options = encode_filter(item)
        kernel.add(NEW_FILTER, _LOOPBACK, "u32", options, parent=0x10000, info=1 << 16 | 8)
        return


def _try_ingress(kernel: Kernel, _: str) -> None:
    redirect_ingress(kernel, _LOOPBACK, None)


def _try_mirred(kernel: Kernel, _: str) -> None:
    redirect_ingress(kernel, _LOOPBACK, _LOOPBACK)


def _try_ifb(kernel: Kernel, _: str) -> None:
    kernel.add_ifb("ifb-probe")


_TRIALS: dict[str, Callable[[Kernel, str], None]] = {
    "u32": _try_u32,
    "ingress": _try_ingress,
    "mirred": _try_mirred,
    "ifb": _try_ifb,
}
