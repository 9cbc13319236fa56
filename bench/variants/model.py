"""What a way from the proxy to rtpengine consists of."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.certificates import Certificates
from bench.processes import Program

LOOPBACK = "127.0.0.1"
NGTUNNEL = str(Path(sys.executable).with_name("ngtunnel"))
Address = tuple[str, int]


@dataclass(frozen=True)
class Ground:
    """What a setup is made from.

    Attributes:
        directory: for configuration files; empty, and private.
        ports: free ports.
        certificates: of both ends.
        peers: how many the load has.
        far: the address of the media host, as the proxy host sees it.
        ngtunnel: the program.
    """

    directory: Path
    ports: Iterator[int]
    certificates: Certificates
    peers: int
    far: str = LOOPBACK
    ngtunnel: str = NGTUNNEL

    def write(self, name: str, text: str) -> str:
        """Write a configuration file and return its path."""
        path = self.directory / name
        path.write_text(text)
        return str(path)


@dataclass(frozen=True)
class Setup:
    """One tunnel, ready to be started.

    Attributes:
        responder: where the responder listens.
        peers: source (None: any) and destination of each peer of the load.
        programs: the tunnel's, in the order in which they start: media host's end first.
        to_own_port: the responder answers to the port it listens on, not to the one that asked.
    """

    responder: tuple[Address, ...]
    peers: tuple[tuple[Address | None, Address], ...]
    programs: tuple[Program, ...] = field(default=())
    to_own_port: bool = False


@dataclass(frozen=True)
class Variant:
    """A way from the proxy to rtpengine.

    Attributes:
        name: as in tables.
        about: how it is configured, and what it cannot do.
        program: what must be installed; None: nothing.
        package: the Debian package that has it.
        build: makes a setup.
        most_peers: how many it can serve; None: any number.
    """

    name: str
    about: str
    program: str | None
    package: str
    build: Callable[[Ground], Setup]
    most_peers: int | None = None

    def serves(self, peers: int) -> bool:
        """Say whether it can serve so many peers."""
        return self.most_peers is None or peers <= self.most_peers


def through(ground: Ground, responder: Address, entrance: Address, *programs: Program) -> Setup:
    """Return the usual setup: all peers send to one entrance, one responder answers."""
    return Setup((responder,), ((None, entrance),) * ground.peers, programs)
