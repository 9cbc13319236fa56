"""One measurement across the WAN: start a tunnel's ends, send one load through it, stop it."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cases import Case
from bench.certificates import Certificates, Deployed
from bench.errors import BenchError
from bench.measure import Measurement, digest, load_line, responder_arguments
from bench.ports import any_port
from bench.usage import Memory
from bench.variants import Ground, Setup, Variant
from bench.wan.remote import RemoteEnd
from slowbye.hosts import Host

_NGTUNNEL = "/opt/ngtunnel/current/bin/ngtunnel"
_CERTIFICATES = Path("/etc/ngtunnel/tls")


@dataclass(frozen=True)
class Hosts:
    """The two ends of the WAN.

    Attributes:
        proxy: where the load and the client run.
        media: where the responder and the server run.
    """

    proxy: Host
    media: Host


@dataclass(frozen=True)
class _Files(Ground):
    """Writes nothing: the ends do, in directories of the same name."""

    ends: tuple[RemoteEnd, ...] = ()

    def write(self, name: str, text: str) -> str:
        for end in self.ends:
            end.ask("write", name=name, text=text)
        return str(self.directory / name)


def measure(hosts: Hosts, variant: Variant, case: Case, seconds: float) -> Measurement:
    """Measure once.

    Args:
        hosts: both have ngtunnel, its certificates, and socat where that is measured.
        variant: the tunnel; each end of it gets ports of its own.
        case: the load.
        seconds: how long to measure, after a warm-up.

    Raises:
        BenchError: something did not start, or nothing was answered.
    """
    directory = f"/run/slowbye-bench-{uuid.uuid4().hex[:12]}"
    with contextlib.ExitStack() as stack:
        media, proxy = (
            stack.enter_context(RemoteEnd(host, directory)) for host in (hosts.media, hosts.proxy)
        )
        setup = variant.build(
            _Files(
                Path(directory),
                _ports_free_at(media, proxy),
                _certificates(hosts),
                case.peers,
                far=hosts.media.address,
                ngtunnel=_NGTUNNEL,
                ends=(media, proxy),
            )
        )
        try:
            return _measure(media, proxy, setup, case, seconds)
        except BenchError as error:
            said = "".join(_last_line(end) for end in (media, proxy))
            raise BenchError(f"{variant.name}, {case.name}: {error}{said}") from error


def _last_line(end: RemoteEnd) -> str:
    # It may be the end itself that failed.
    with contextlib.suppress(BenchError):
        if line := end.ask("said")["line"]:
            return f" ({end.name}: {line})"
    return ""


def _certificates(hosts: Hosts) -> Certificates:
    return Deployed(_CERTIFICATES, server_name=hosts.media.name)


def _ports_free_at(*ends: RemoteEnd) -> Iterator[int]:
    start = any_port()
    first, *others = (end.ask("ports", first=start)["ports"] for end in ends)
    return (port for port in first if all(port in other for other in others))


def _measure(
    media: RemoteEnd, proxy: RemoteEnd, setup: Setup, case: Case, seconds: float
) -> Measurement:
    media.ask("load", module="bench.responder", arguments=responder_arguments(setup, case), line="")
    media.expect("listening")
    # The media host's end comes first.
    for end, program in zip((media, proxy), setup.programs, strict=False):
        end.ask("program", argv=program.argv, transport=program.transport, port=program.port)
    proxy.ask("load", module="bench.generate", arguments=[], line=load_line(setup, case, seconds))
    proxy.expect("start")
    before = [end.ask("usage") for end in (media, proxy)]
    proxy.expect("end")
    after = [end.ask("usage") for end in (media, proxy)]
    result = proxy.expect("result")
    media.ask("end_load")
    arrived = media.expect("arrived")

    def spent_s(what: str) -> list[float]:
        return [late[what] - early[what] for early, late in zip(before, after, strict=True)]

    cpu_s = sum(spent_s("cpu_s"))
    # In the lab both hosts are one machine, and each counts all of it.
    others_s = max(spent_s("busy_s")) - cpu_s - sum(spent_s("load_cpu_s"))
    return digest(
        result,
        arrived,
        cpu_s if setup.programs else None,
        max(0.0, others_s),
        Memory(**{what: sum(end["memory"][what] for end in after) for what in after[0]["memory"]}),
    )
