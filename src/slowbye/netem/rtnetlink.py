"""Traffic control over rtnetlink, by pyroute2: qdiscs, classes and filters with raw options."""

import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pyroute2.netlink import (  # type: ignore[import-untyped]
    NETLINK_ROUTE,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    nlmsg,
)
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]
from pyroute2.netlink.marshal import Marshal  # type: ignore[import-untyped]
from pyroute2.netlink.nlsocket import NetlinkSocket  # type: ignore[import-untyped]

from slowbye.errors import SlowbyeError
from slowbye.netem.tree import ROOT
from slowbye.netem.wire import attribute, attributes

NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_QDISC, DEL_QDISC, GET_QDISC = 36, 37, 38
NEW_CLASS, DEL_CLASS, GET_CLASS = 40, 41, 42
NEW_FILTER, DEL_FILTER, GET_FILTER = 44, 45, 46
_REQUEST = NLM_F_REQUEST | NLM_F_ACK
_CREATE = _REQUEST | NLM_F_CREATE | NLM_F_EXCL
_REPLACE = _REQUEST | NLM_F_CREATE | NLM_F_REPLACE
_STATS_BASIC, _STATS_QUEUE = 1, 3
_INFO_KIND = 1


class _TrafficControl(nlmsg):  # type: ignore[misc]
    prefix = "TCA_"
    fields = (
        ("family", "B"),
        ("pad1", "B"),
        ("pad2", "H"),
        ("index", "i"),
        ("handle", "I"),
        ("parent", "I"),
        ("info", "I"),
    )
    nla_map = (
        ("TCA_UNSPEC", "none"),
        ("TCA_KIND", "asciiz"),
        ("TCA_OPTIONS", "cdata"),
        ("TCA_STATS", "none"),
        ("TCA_XSTATS", "none"),
        ("TCA_RATE", "cdata"),
        ("TCA_FCNT", "none"),
        ("TCA_STATS2", "cdata"),
        ("TCA_STAB", "cdata"),
    )


class _Link(nlmsg):  # type: ignore[misc]
    prefix = "IFLA_"
    fields = (
        ("family", "B"),
        ("pad", "B"),
        ("ifi_type", "H"),
        ("index", "i"),
        ("flags", "I"),
        ("change", "I"),
    )
    nla_map = ((3, "IFLA_IFNAME", "asciiz"), (18, "IFLA_LINKINFO", "cdata"))


class _Marshal(Marshal):  # type: ignore[misc]
    msg_map = dict.fromkeys(
        (NEW_QDISC, DEL_QDISC, NEW_CLASS, DEL_CLASS, NEW_FILTER, DEL_FILTER), _TrafficControl
    )


@dataclass(frozen=True)
class Counters:
    """What the kernel counted: sent packets and bytes, drops, and what is queued now."""

    packets: int = 0
    bytes: int = 0
    dropped: int = 0
    backlog_packets: int = 0
    backlog_bytes: int = 0


@dataclass(frozen=True)
class Entry:
    """A qdisc, class or filter as the kernel shows it."""

    kind: str
    handle: int
    parent: int
    info: int
    options: bytes
    counters: Counters
    has_size_table: bool = False
    has_estimator: bool = False


class KernelError(SlowbyeError):
    """The kernel refused a request.

    Attributes:
        code: the errno.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Kernel:
    """One rtnetlink socket, in the network namespace of the thread that opens it."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(family=NETLINK_ROUTE, ext_ack=True)
        self._socket.set_marshal(_Marshal())
        self._socket.bind()

    def __enter__(self) -> "Kernel":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def qdiscs(self, ifindex: int) -> list[Entry]:
        """The qdiscs of an interface."""
        return [*self._dump(GET_QDISC, ifindex)]

    def classes(self, ifindex: int) -> list[Entry]:
        """The classes of an interface."""
        return [*self._dump(GET_CLASS, ifindex)]

    def filters(self, ifindex: int, parent: int) -> list[Entry]:
        """The filters of one qdisc, in the order in which they are tried."""
        return [*self._dump(GET_FILTER, ifindex, parent)]

    def add(
        self,
        message_type: int,
        ifindex: int,
        kind: str,
        options: bytes | None,
        *,
        handle: int = 0,
        parent: int,
        info: int = 0,
    ) -> None:
        """Make a qdisc, class or filter; a root qdisc takes the place of what is there.

        Raises:
            KernelError: refused; ENOENT when the kernel does not have the kind.
        """
        message = self._message(ifindex, handle, parent, info)
        message["attrs"] = [("TCA_KIND", kind)]
        if options is not None:
            message["attrs"].append(("TCA_OPTIONS", options))
        replaces = message_type == NEW_QDISC and parent == ROOT
        self._request(message, message_type, _REPLACE if replaces else _CREATE, kind)

    def delete_qdisc(self, ifindex: int, parent: int, handle: int = 0) -> None:
        """Remove a qdisc and all below it; nothing happens when it is not there.

        Raises:
            KernelError: refused.
        """
        try:
            self._request(self._message(ifindex, handle, parent, 0), DEL_QDISC, _REQUEST, "qdisc")
        except KernelError as error:
            if error.code not in (errno.ENOENT, errno.EINVAL):
                raise

    def add_ifb(self, name: str) -> None:
        """Make an ifb device and set it up.

        Raises:
            KernelError: refused; EOPNOTSUPP when the kernel has no ifb.
        """
        message = _Link()
        message["flags"] = message["change"] = 1
        message["attrs"] = [
            ("IFLA_IFNAME", name),
            ("IFLA_LINKINFO", attribute(_INFO_KIND, b"ifb\0")),
        ]
        self._request(message, NEW_LINK, _CREATE, "ifb")

    def delete_link(self, ifindex: int) -> None:
        """Remove a device.

        Raises:
            KernelError: refused.
        """
        message = _Link()
        message["index"] = ifindex
        self._request(message, DEL_LINK, _REQUEST, "link")

    def _dump(self, message_type: int, ifindex: int, parent: int = 0) -> Iterator[Entry]:
        message = self._message(ifindex, 0, parent, 0)
        for reply in tuple(
            self._socket.nlm_request(message, message_type, NLM_F_REQUEST | NLM_F_DUMP)
        ):
            if isinstance(reply, _TrafficControl) and reply["index"] == ifindex:
                yield _entry(reply)

    @staticmethod
    def _message(ifindex: int, handle: int, parent: int, info: int) -> _TrafficControl:
        message = _TrafficControl()
        message["index"], message["handle"] = ifindex, handle
        message["parent"], message["info"] = parent, info
        return message

    def _request(self, message: object, message_type: int, flags: int, what: str) -> None:
        try:
            tuple(self._socket.nlm_request(message, message_type, flags))
        except NetlinkError as error:
            reason = error.args[1] or os.strerror(error.code)
            raise KernelError(f"the kernel refused {what}: {reason}", error.code) from error


def _entry(reply: _TrafficControl) -> Entry:
    stats = attributes(reply.get_attr("TCA_STATS2") or b"")
    sent_bytes, packets = struct.unpack_from("=QI", stats.get(_STATS_BASIC, bytes(12)))
    queued, queued_bytes, dropped = struct.unpack_from("=3I", stats.get(_STATS_QUEUE, bytes(12)))
    return Entry(
        kind=reply.get_attr("TCA_KIND"),
        handle=reply["handle"],
        parent=reply["parent"],
        info=reply["info"],
        options=reply.get_attr("TCA_OPTIONS") or b"",
        counters=Counters(packets, sent_bytes, dropped, queued, queued_bytes),
        has_size_table=reply.get_attr("TCA_STAB") is not None,
        has_estimator=reply.get_attr("TCA_RATE") is not None,
    )
