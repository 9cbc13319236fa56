"""Apply a plan to this host, show what is in force, clear it."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from slowbye.errors import SlowbyeError
from slowbye.netem.distribution import load_distribution
from slowbye.netem.expiry import arrange_expiry, cancel_expiry
from slowbye.netem.install import in_force, install, redirect_ingress
from slowbye.netem.interface import (
    check_ingress,
    index_of,
    look_at,
    look_at_ifb,
    undo,
)
from slowbye.netem.plan import Plan
from slowbye.netem.probe import rehearse, require_privilege
from slowbye.netem.rtnetlink import Counters, Kernel
from slowbye.netem.state import (
    Interface,
    State,
    forget_state,
    load_state,
    locked,
    store_state,
)
from slowbye.netem.tree import Netem
from slowbye.netem.wire import decode_options


@dataclass(frozen=True)
class ClassRow:
    """One class of one interface, with what the kernel counted.

    Attributes:
        options: netem's parameters as tc writes them, or the plain queue's.
    """

    interface: str
    classid: int
    matches: str
    options: str
    counters: Counters


@dataclass(frozen=True)
class InForce:
    """What slowbye did to this host."""

    state: State
    rows: tuple[ClassRow, ...]


def apply(plan: Plan, expire_ms: float | None = None) -> bool:
    """Put a plan in force, in place of an earlier one.

    Args:
        plan: from `make_plan`.
        expire_ms: clear by itself after this time; None to stay.

    Returns:
        Whether anything changed; False when exactly this was in force already.

    Raises:
        SlowbyeError: not allowed, something missing in the kernel, no such interface, or qdiscs
            that could not be restored: then nothing was changed. When the kernel refuses half way,
            the original qdiscs are back.
    """
    require_privilege()
    tables = _distributions(plan)
    with locked(), Kernel() as kernel:
        before = load_state()
        if before and before.complete and _is_in_force(kernel, plan, before):
            _renew_expiry(before, expire_ms)
            return False
        rehearse(plan.trees, _kinds(plan), tables)
        state = _prepare(kernel, plan, before)
        store_state(replace(state, interfaces=state.interfaces + _left(before, state)))
        try:
            complaints = undo(kernel, before) if before else []
            if complaints:
                raise SlowbyeError("; ".join(complaints))
            state = _install(kernel, plan, state, tables)
        except (SlowbyeError, OSError) as error:
            complaints = undo(kernel, state)
            cancel_expiry(state.expiry)
            forget_state()
            outcome = "; ".join(complaints) or "the original qdiscs are back"
            raise SlowbyeError(f"{error}; {outcome}") from error
        store_state(state)
        _renew_expiry(state, expire_ms)
        return True


def clear(only_token: str | None = None) -> bool:
    """Restore the qdiscs that were there before the first apply.

    Args:
        only_token: do nothing unless the pending expiry has this token.

    Returns:
        Whether there was anything to clear.

    Raises:
        SlowbyeError: not allowed, or an original qdisc did not come back exactly.
    """
    require_privilege()
    with locked(), Kernel() as kernel:
        state = load_state()
        if state is None:
            forget_state()
            return False
        if only_token and (state.expiry is None or state.expiry.token != only_token):
            return False
        state = replace(state, complete=False)
        store_state(state)
        complaints = undo(kernel, state)
        forget_state()
        if only_token is None:
            cancel_expiry(state.expiry)
        if complaints:
            raise SlowbyeError("; ".join(complaints))
        return True


def show() -> InForce | None:
    """What is in force on this host, with counters; None when nothing is."""
    state = load_state()
    if state is None:
        return None
    rows: list[ClassRow] = []
    with Kernel() as kernel:
        for interface in state.interfaces:
            if index_of(interface.name) == interface.ifindex:
                rows.extend(_rows(kernel, interface))
    return InForce(state, tuple(rows))


def _distributions(plan: Plan) -> dict[str, tuple[int, ...]]:
    names = {
        qdisc.options.distribution
        for tree in plan.trees
        for qdisc in tree.qdiscs
        if isinstance(qdisc.options, Netem)
    }
    return {name: load_distribution(name) for name in names}


def _kinds(plan: Plan) -> list[str]:
    kinds = {"u32"}.union(*(tree.kinds for tree in plan.trees))
    return sorted(kinds.union(("ifb", "ingress", "mirred") if plan.ifb else ()))


def _prepare(kernel: Kernel, plan: Plan, before: State | None) -> State:
    """Look at every interface and refuse here, where nothing has been changed."""
    if plan.ifb:
        check_ingress(kernel, plan.ifb, before)
    return State(
        profile=plan.profile.name,
        parameters=dict(plan.profile.parameters),
        rtt_ms=plan.rtt_ms,
        lines=tuple(plan.lines()),
        interfaces=tuple(
            look_at(kernel, tree, before)
            for tree in plan.trees
            if not (plan.ifb and tree.interface == plan.ifb.device)
        ),
        redirect=(plan.ifb.interface, plan.ifb.device) if plan.ifb else None,
        expiry=before.expiry if before else None,
    )


def _left(before: State | None, state: State) -> tuple[Interface, ...]:
    """Interfaces of the earlier state that the new one has not, and that are still to be undone."""
    names = {interface.name for interface in state.interfaces}
    return tuple(i for i in before.interfaces if i.name not in names) if before else ()


def _install(
    kernel: Kernel, plan: Plan, state: State, tables: Mapping[str, Sequence[int]]
) -> State:
    if plan.ifb:
        kernel.add_ifb(plan.ifb.device)
    for tree in plan.trees:
        install(kernel, tree, socket.if_nametoindex(tree.interface), tables)
    if plan.ifb:
        device = socket.if_nametoindex(plan.ifb.device)
        redirect_ingress(kernel, socket.if_nametoindex(plan.ifb.interface), device)
        ifb_tree = next(tree for tree in plan.trees if tree.interface == plan.ifb.device)
        state = replace(state, interfaces=(*state.interfaces, look_at_ifb(ifb_tree)))
    return replace(state, complete=True)


def _is_in_force(kernel: Kernel, plan: Plan, state: State) -> bool:
    if state.lines != tuple(plan.lines()):
        return False
    indexes = {interface.name: interface.ifindex for interface in state.interfaces}
    return all(
        index_of(tree.interface) == indexes.get(tree.interface)
        and in_force(kernel, tree, indexes[tree.interface])
        for tree in plan.trees
    )


def _renew_expiry(state: State, expire_ms: float | None) -> None:
    cancel_expiry(state.expiry)
    store_state(replace(state, expiry=None if expire_ms is None else arrange_expiry(expire_ms)))


def _rows(kernel: Kernel, interface: Interface) -> Iterable[ClassRow]:
    qdiscs = {qdisc.handle: qdisc for qdisc in kernel.qdiscs(interface.ifindex)}
    classes = {entry.handle: entry.counters for entry in kernel.classes(interface.ifindex)}
    for classid, matches, leaf in interface.bands:
        if classid not in classes:
            continue
        counters, options = classes[classid], ""
        if leaf in qdiscs:
            inner = qdiscs[leaf]
            options = f"{inner.kind} {decode_options(inner.kind, inner.options)}"
            counters = replace(counters, dropped=max(counters.dropped, inner.counters.dropped))
        yield ClassRow(interface.name, classid, matches, options, counters)
