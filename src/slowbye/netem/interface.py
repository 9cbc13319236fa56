"""One interface before and after: look at it and bring it back."""

import socket

from slowbye.errors import SlowbyeError
from slowbye.netem.install import INGRESS, INGRESS_PARENT
from slowbye.netem.original import restore_original, save_original
from slowbye.netem.plan import OURS, Ifb
from slowbye.netem.rtnetlink import Kernel
from slowbye.netem.state import Interface, State
from slowbye.netem.tree import ROOT, Tree


def index_of(interface: str) -> int | None:
    """The interface's index, or None when it does not exist."""
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return None


def look_at(kernel: Kernel, tree: Tree, before: State | None) -> Interface:
    """Record what a tree's interface has now, or had before slowbye came.

    Raises:
        SlowbyeError: no such interface, or it could not be restored exactly.
    """
    ifindex = index_of(tree.interface)
    if ifindex is None:
        names = ", ".join(name for _, name in socket.if_nameindex())
        raise SlowbyeError(f"there is no interface {tree.interface}; this host has {names}")
    ours = _is_ours(kernel, ifindex)
    earlier = _earlier(before, tree.interface, ifindex)
    if before and earlier and (ours or not before.complete):
        original = earlier.original
    elif ours:
        raise SlowbyeError(
            f"{tree.interface} carries qdiscs of slowbye that nothing is recorded about; remove "
            f"them: tc qdisc del dev {tree.interface} root"
        )
    else:
        original = save_original(kernel, tree.interface, ifindex)
    return Interface(tree.interface, ifindex, original, _bands(tree))


def look_at_ifb(tree: Tree) -> Interface:
    """Record the ifb device that slowbye made."""
    return Interface(tree.interface, socket.if_nametoindex(tree.interface), (), _bands(tree))


def check_ingress(kernel: Kernel, ifb: Ifb, before: State | None) -> None:
    """Check that the ingress of the interface can be led through a new ifb device.

    Raises:
        SlowbyeError: there is an ingress qdisc already, or a device of that name.
    """
    if before and before.redirect == (ifb.interface, ifb.device):
        return
    ifindex = index_of(ifb.interface)
    if ifindex and any(q.parent == INGRESS_PARENT for q in kernel.qdiscs(ifindex)):
        raise SlowbyeError(
            f"{ifb.interface} has an ingress qdisc, which could not be restored exactly "
            "afterwards; impair its egress only (--direction one-way)"
        )
    if index_of(ifb.device):
        raise SlowbyeError(f"there is a device {ifb.device}, which slowbye needs for ingress")


def undo(kernel: Kernel, state: State) -> list[str]:
    """Bring every interface back; what somebody else has replaced since is left alone.

    Returns:
        What did not come back exactly, for people.
    """
    complaints = []
    if state.redirect:
        interface, device = state.redirect
        ifindex, device_index = index_of(interface), index_of(device)
        if ifindex and device_index:
            kernel.delete_qdisc(ifindex, INGRESS_PARENT, INGRESS)
        if device_index:
            kernel.delete_link(device_index)
    for changed in state.interfaces:
        if index_of(changed.name) != changed.ifindex:
            continue
        if _is_ours(kernel, changed.ifindex) or (not state.complete and _differs(kernel, changed)):
            complaint = restore_original(kernel, changed.name, changed.ifindex, changed.original)
            if complaint:
                complaints.append(complaint)
    return complaints


def _bands(tree: Tree) -> tuple[tuple[int, str, int], ...]:
    return tuple((band.classid, band.matches, band.leaf) for band in tree.bands)


def _earlier(before: State | None, interface: str, ifindex: int) -> Interface | None:
    if before is None:
        return None
    found = (i for i in before.interfaces if (i.name, i.ifindex) == (interface, ifindex))
    return next(found, None)


def _differs(kernel: Kernel, changed: Interface) -> bool:
    try:
        return save_original(kernel, changed.name, changed.ifindex) != changed.original
    except SlowbyeError:
        return True


def _is_ours(kernel: Kernel, ifindex: int) -> bool:
    return any(q.parent == ROOT and q.handle == OURS for q in kernel.qdiscs(ifindex))
