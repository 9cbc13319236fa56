"""The lab's hosts, clients on them, and what was on the wire. How to: calls/__init__.py."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lab_preflight
from calls import ladder
from calls.capture import SessionCapture
from calls.client import SIP_PORT, Client
from calls.messages import token
from calls.rtpengine import Rtpengine
from calls.turns import Turns
from calls.wire import Wire
from slowbye.hosts import Host, Inventory
from slowbye.reproduce.paths import NgPath, choose

pytest_plugins = ["lab_preflight"]

_RESULTS = Path(__file__).parents[2] / "results" / "calls"
_ALONE = "alone"

_turns = pytest.StashKey[Turns]()


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    return lab_preflight.examine(config, {"sip": 1, "media": 1, "clients": 1})


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: has the lab to itself, after all others")
    config.addinivalue_line(
        "markers", "ladder(title): the documentation shows what was on the wire"
    )
    _RESULTS.mkdir(parents=True, exist_ok=True)
    config.stash[_turns] = Turns(_RESULTS / ".turns")
    # All that are alone go to one process of pytest-xdist.
    if getattr(config.option, "numprocesses", None):
        config.option.dist = "loadgroup"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker(_ALONE) is not None)
    for item in items:
        if item.get_closest_marker(_ALONE):
            item.add_marker(pytest.mark.xdist_group(_ALONE))


@pytest.fixture(autouse=True)
def _turn(request: pytest.FixtureRequest) -> Iterator[None]:
    turns = request.config.stash[_turns]
    turns.begin(alone=request.node.get_closest_marker(_ALONE) is not None)
    yield
    turns.end()


@pytest.fixture(scope="session")
def proxy(lab: Inventory) -> Host:
    """The proxy host that calls go through."""
    return lab.first("sip")


@pytest.fixture(scope="session")
def ng_paths(proxy: Host) -> dict[str, NgPath]:
    """The ways from the proxy to rtpengine, by name."""
    sets = proxy.variables.get("sip_proxy_rtpengine_sets") or [{"name": "direct"}]
    return {path.name: path for path in choose([each["name"] for each in sets], proxy)}


@pytest.fixture(scope="session")
def rtpengine(lab: Inventory) -> Rtpengine:
    """The rtpengines: which calls they hold."""
    return Rtpengine(lab.group("media"))


@pytest.fixture(scope="session")
def _capture(
    lab: Inventory,
    proxy: Host,
    ng_paths: dict[str, NgPath],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SessionCapture]:
    ports = [port for path in ng_paths.values() for port in path.ports]
    file = tmp_path_factory.mktemp("capture") / "session.pcap"
    capture = SessionCapture(proxy, lab.first("clients"), file, ports)
    yield capture
    capture.stop()


@pytest.fixture
def wire(
    request: pytest.FixtureRequest,
    proxy: Host,
    ng_paths: dict[str, NgPath],
    _capture: SessionCapture,
) -> Wire:
    """What is on the wire of the proxy host from now on, of this test's calls."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name).strip("-")
    nodes = frozenset().union(*(path.nodes for path in ng_paths.values()))
    at = (proxy.address, SIP_PORT)
    return Wire(_capture, _RESULTS / f"{name}.pcap", f"{token()}.calls", nodes, at)


@pytest.fixture
def new_client(
    request: pytest.FixtureRequest, lab: Inventory, wire: Wire
) -> Iterator[Callable[..., Client]]:
    """Makes clients: ``new_client("bob", host=…, transport="tcp", address=…)``, not registered."""
    made: list[Client] = []

    def new_client(
        role: str, host: Host | None = None, transport: str = "udp", address: str | None = None
    ) -> Client:
        where = host or lab.first("clients")
        user = f"{role}-{token()}"
        client = Client(where, wire.proxy, user, transport, address, wire.suffix)
        client.name = role
        made.append(client)
        return client

    yield new_client
    marked = request.node.get_closest_marker("ladder")
    if marked:
        path = wire.path.with_suffix(".json")
        ladder.save(path, marked.args[0], request.node.nodeid, wire, made)
    for client in made:
        client.close()


@pytest.fixture
def caller(new_client: Callable[..., Client]) -> Client:
    """A registered user over UDP, to whom nothing else happens."""
    client = new_client("caller")
    client.register()
    return client


@pytest.fixture
def callee(new_client: Callable[..., Client]) -> Client:
    """Another one."""
    client = new_client("callee")
    client.register()
    return client
