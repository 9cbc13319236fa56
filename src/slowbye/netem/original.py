"""What stood on an interface before: read it, refuse what could not come back exactly, restore it.

The options go back to the kernel as the bytes in which it showed them. For the kinds in
`RESTORABLE` this gives the same qdisc again; others (a netem's delay distribution, for example) are
not shown in full and are refused before anything is changed.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slowbye.errors import SlowbyeError
from slowbye.netem.install import INGRESS_PARENT
from slowbye.netem.rtnetlink import NEW_CLASS, NEW_QDISC, Entry, Kernel
from slowbye.netem.tree import ROOT, classid
from slowbye.netem.wire import HTB_INIT, HTB_PARMS, attribute, attributes

RESTORABLE = frozenset(
    {
        "bfifo",
        "cake",
        "codel",
        "fq",
        "fq_codel",
        "htb",
        "mq",
        "pfifo",
        "pfifo_fast",
        "prio",
        "tbf",
    }
)
# Attributes that the kernel keeps as multiples of 1024 ns and shows in microseconds, rounded down:
# include/net/codel.h, TCA_CODEL_* and TCA_FQ_CODEL_* in include/uapi/linux/pkt_sched.h.
_CODEL_TIMES = {"codel": frozenset({1, 3, 5}), "fq_codel": frozenset({1, 3, 7})}


@dataclass(frozen=True)
class Saved:
    """One qdisc or class; `options` are in hexadecimal, for the state file."""

    is_class: bool
    kind: str
    handle: int
    parent: int
    options: str


def save_original(kernel: Kernel, interface: str, ifindex: int) -> tuple[Saved, ...]:
    """Read the egress of an interface; empty when the kernel chose its qdisc by default.

    Raises:
        SlowbyeError: something stands there that could not be restored exactly.
    """
    qdiscs = [q for q in kernel.qdiscs(ifindex) if q.parent != INGRESS_PARENT]
    root = next((qdisc for qdisc in qdiscs if qdisc.parent == ROOT), None)
    if root is None or not root.handle >> 16:
        return ()
    explicit = [qdisc for qdisc in qdiscs if qdisc.handle >> 16]
    for qdisc in explicit:
        _refuse_unless_restorable(kernel, interface, ifindex, qdisc)
    saved = [_saved(qdisc, is_class=False) for qdisc in explicit]
    if root.kind == "htb":
        classes = kernel.classes(ifindex)
        if any(entry.has_estimator for entry in classes):
            raise _refusal(interface, "a class with a rate estimator")
        saved += [_saved(entry, is_class=True) for entry in classes if entry.kind == "htb"]
    return _parents_first(saved)


def restore_original(
    kernel: Kernel, interface: str, ifindex: int, saved: Sequence[Saved]
) -> str | None:
    """Put back what `save_original` found, in place of what is there now.

    Returns:
        What a person should know if it did not come back exactly, else None.
    """
    for qdisc in kernel.qdiscs(ifindex):
        if qdisc.kind == "netem":
            kernel.delete_qdisc(ifindex, qdisc.parent, qdisc.handle)
    kernel.delete_qdisc(ifindex, ROOT)
    try:
        for item in saved:
            kernel.add(
                NEW_CLASS if item.is_class else NEW_QDISC,
                ifindex,
                item.kind,
                _as_request(item),
                handle=item.handle,
                parent=item.parent,
            )
        if save_original(kernel, interface, ifindex) == tuple(saved):
            return None
        reason = "the kernel shows it differently than before"
    except SlowbyeError as error:
        reason = str(error)
    kind = saved[0].kind if saved else "default"
    return f"{interface}: the original {kind} qdisc is not exactly back: {reason}"


def _saved(entry: Entry, *, is_class: bool) -> Saved:
    options = _without_counters(entry, is_class=is_class)
    return Saved(is_class, entry.kind, entry.handle, entry.parent, options.hex())


def _without_counters(entry: Entry, *, is_class: bool) -> bytes:
    if entry.kind != "htb":
        return entry.options
    found = attributes(entry.options)
    if is_class:
        # tc_htb_opt: the level of a class is shown, not taken.
        parms = found[HTB_PARMS]
        found[HTB_PARMS] = parms[:36] + bytes(4) + parms[40:]
    else:
        # tc_htb_glob: the last number counts packets.
        found[HTB_INIT] = found[HTB_INIT][:16] + bytes(4)
    return _nest(found)


def _as_request(item: Saved) -> bytes | None:
    options = bytes.fromhex(item.options)
    if item.kind == "htb" and not item.is_class:
        # tc_htb_glob: the version is shown with its minor number and taken without.
        found = attributes(options)
        (version,) = struct.unpack_from("=I", found[HTB_INIT])
        found[HTB_INIT] = struct.pack("=I", version >> 16) + found[HTB_INIT][4:]
        return _nest(found)
    if item.kind in _CODEL_TIMES:
        times = _CODEL_TIMES[item.kind]
        found = attributes(options)
        return _nest({k: _codel_time(data) if k in times else data for k, data in found.items()})
    return options or None


def _nest(found: Mapping[int, bytes]) -> bytes:
    return b"".join(attribute(kind, data) for kind, data in found.items())


def _codel_time(shown: bytes) -> bytes:
    (value_us,) = struct.unpack("=I", shown)
    for candidate in (value_us, value_us + 1):
        if ((candidate * 1000 >> 10) << 10) // 1000 == value_us:
            return struct.pack("=I", candidate)
    return shown


def _parents_first(saved: Sequence[Saved]) -> tuple[Saved, ...]:
    """Sort so that each parent is made before its children."""
    ordered = sorted(
        (item for item in saved if item.parent == ROOT), key=lambda item: item.is_class
    )
    waiting = sorted(
        (item for item in saved if item.parent != ROOT),
        key=lambda item: (not item.is_class, item.handle),
    )
    while waiting:
        made = {item.handle for item in ordered}
        ready = [
            item
            for item in waiting
            if item.parent in made or (not item.is_class and item.parent & 0xFFFF0000 in made)
        ]
        if not ready:
            break
        ordered += ready
        waiting = [item for item in waiting if item not in ready]
    return (*ordered, *waiting)


def _refuse_unless_restorable(kernel: Kernel, interface: str, ifindex: int, qdisc: Entry) -> None:
    what = f"{qdisc.kind} {classid(qdisc.handle)}"
    if qdisc.kind not in RESTORABLE:
        raise _refusal(interface, f"qdisc {what}")
    if qdisc.has_size_table or qdisc.has_estimator:
        raise _refusal(interface, f"qdisc {what} with a size table or rate estimator")
    if kernel.filters(ifindex, qdisc.handle):
        raise _refusal(interface, f"filters on qdisc {what}")


def _refusal(interface: str, what: str) -> SlowbyeError:
    return SlowbyeError(
        f"{interface} has {what}, which could not be restored exactly afterwards; remove it first "
        f"(tc qdisc del dev {interface} root) or choose another interface"
    )
