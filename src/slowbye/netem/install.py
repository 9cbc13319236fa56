"""Make a tree on an interface, and tell whether it is there."""

import errno
import socket
from collections.abc import Mapping, Sequence

from slowbye.errors import SlowbyeError
from slowbye.netem.rtnetlink import NEW_CLASS, NEW_FILTER, NEW_QDISC, Kernel, KernelError
from slowbye.netem.tree import Class, Filter, Netem, Qdisc, Tree, module_of
from slowbye.netem.wire import (
    decode_filter,
    decode_htb_class,
    decode_options,
    encode_filter,
    encode_options,
    encode_redirect,
)

INGRESS, INGRESS_PARENT = 0xFFFF0000, 0xFFFFFFF1
_ALL_PROTOCOLS = 0x0003


def install(
    kernel: Kernel, tree: Tree, ifindex: int, distributions: Mapping[str, Sequence[int]]
) -> None:
    """Make the tree on an interface, in place of its root qdisc.

    Args:
        kernel: the socket.
        tree: what to make.
        ifindex: of the interface.
        distributions: tables by name, for netem.

    Raises:
        SlowbyeError: the kernel refused a part, which is named.
    """
    for item in tree.in_order():
        try:
            _make(kernel, item, ifindex, distributions)
        except KernelError as error:
            kind = "u32" if isinstance(item, Filter) else item.kind
            reason = f"no {module_of(kind)}" if error.code == errno.ENOENT else str(error)
            if "duplicating netems" in reason:
                reason += " (for duplicate give --rtt 0ms and no other impairment)"
            raise SlowbyeError(f"dev {tree.interface} {item}: {reason}") from error


def in_force(kernel: Kernel, tree: Tree, ifindex: int) -> bool:
    """Whether the kernel shows exactly this tree; it does not show netem's distributions."""
    qdiscs = {
        Qdisc(entry.handle, entry.parent, entry.kind, options)
        for entry in kernel.qdiscs(ifindex)
        if (options := decode_options(entry.kind, entry.options)) is not None
    }
    if qdiscs != {_as_shown(qdisc) for qdisc in tree.qdiscs}:
        return False
    if tree.classes:
        classes = {
            Class(entry.handle, entry.parent, entry.kind, decode_htb_class(entry.options))
            for entry in kernel.classes(ifindex)
            if entry.kind == "htb"
        }
        if classes != set(tree.classes):
            return False
    filters = [
        item
        for qdisc in tree.qdiscs
        if qdisc.kind in ("htb", "prio")
        for entry in kernel.filters(ifindex, qdisc.handle)
        if (
            item := decode_filter(
                entry.parent,
                entry.info >> 16,
                socket.ntohs(entry.info & 0xFFFF),
                entry.options,
            )
        )
    ]
    return set(filters) == set(tree.filters) and len(filters) == len(tree.filters)


def redirect_ingress(kernel: Kernel, ifindex: int, device: int | None) -> None:
    """Lead what arrives on an interface to another device's egress (tc-mirred(8)).

    Args:
        kernel: the socket.
        ifindex: of the interface, which has no ingress qdisc.
        device: index of the other; None makes the ingress qdisc alone.

    Raises:
        KernelError: refused.
    """
    if INGRESS_PARENT not in (qdisc.parent for qdisc in kernel.qdiscs(ifindex)):
        kernel.add(NEW_QDISC, ifindex, "ingress", None, handle=INGRESS, parent=INGRESS_PARENT)
    if device is not None:
        kernel.add(
            NEW_FILTER,
            ifindex,
            "u32",
            encode_redirect(device),
            parent=INGRESS,
            info=1 << 16 | socket.htons(_ALL_PROTOCOLS),
        )


def _as_shown(qdisc: Qdisc) -> Qdisc:
    options = qdisc.options
    if isinstance(options, Netem):
        options = Netem(**{**vars(options), "distribution": "uniform"})
    return Qdisc(qdisc.handle, qdisc.parent, qdisc.kind, options)


def _make(
    kernel: Kernel,
    item: Qdisc | Class | Filter,
    ifindex: int,
    distributions: Mapping[str, Sequence[int]],
) -> None:
    if isinstance(item, Filter):
        kernel.add(
            NEW_FILTER,
            ifindex,
            "u32",
            encode_filter(item),
            parent=item.parent,
            info=item.preference << 16 | socket.htons(item.protocol),
        )
        return
    table = None
    if isinstance(item.options, Netem):
        table = distributions.get(item.options.distribution)
    kernel.add(
        NEW_QDISC if isinstance(item, Qdisc) else NEW_CLASS,
        ifindex,
        item.kind,
        encode_options(item.options, table),
        handle=item.handle,
        parent=item.parent,
    )
