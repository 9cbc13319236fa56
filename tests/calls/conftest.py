"""The lab's hosts, clients on them, and what was on the wire. How to: calls/__init__.py."""

import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

import lab_preflight
from calls import ladder
from calls.capture import SessionCapture
from calls.client import SIP_PORT, Client
from calls.messages import token
from calls.rtpengine import Rtpengine
from calls.scene import NewWire, Scene
from calls.talking import is_answered
from calls.turns import Turns
from calls.wire import Wire
from slowbye.errors import SlowbyeError
from slowbye.hosts import Host, Inventory
from slowbye.reproduce.paths import NgPath, choose

pytest_plugins = ["lab_preflight"]

_RESULTS = Path(__file__).parents[2] / "results" / "calls"
_ALONE = "alone"

_turns = pytest.StashKey[Turns]()


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    groups = {"sip": 1, "media": 1, "clients": 1}
    return lab_preflight.examine(config, groups, clean_wan=True)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: has the lab to itself, after all others")
    config.addinivalue_line(
        "markers", "ladder(title): the documentation shows what was on the wire"
    )
    _RESULTS.mkdir(parents=True, exist_ok=True)
    config.stash[_turns] = Turns(_RESULTS / ".turns")
    # With pytest-xdist what a file's tests have in common is made once, and those alone are last.
    if getattr(config.option, "numprocesses", None):
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_is_alone)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    turns = item.config.stash[_turns]
    turns.begin(_is_alone(item))
    try:
        return (yield)
    finally:
        turns.end(next_is_alone=nextitem is not None and _is_alone(nextitem))


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker(_ALONE) is not None


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


@pytest.fixture(scope="session")
def new_wire(proxy: Host, ng_paths: dict[str, NgPath], _capture: SessionCapture) -> NewWire:
    """Begins to look at the wire of the proxy host."""
    nodes = frozenset().union(*(path.nodes for path in ng_paths.values()))
    at = (proxy.address, SIP_PORT)

    def new_wire(name: str) -> Wire:
        file = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")
        return Wire(_capture, _RESULTS / f"{file}.pcap", f"{token()}.calls", nodes, at)

    return new_wire


@pytest.fixture
def wire(request: pytest.FixtureRequest, new_wire: NewWire) -> Wire:
    """What is on the wire of the proxy host from now on, of this test's calls."""
    return new_wire(request.node.name)


@pytest.fixture
def _scene(request: pytest.FixtureRequest, lab: Inventory, wire: Wire) -> Iterator[Scene]:
    scene = Scene(lab, wire)
    yield scene
    marked = request.node.get_closest_marker("ladder")
    if marked:
        path = wire.path.with_suffix(".json")
        ladder.save(path, marked.args[0], request.node.nodeid, wire, scene.clients)
    scene.close()


@pytest.fixture
def restart_proxy(proxy: Host, _scene: Scene) -> Callable[[], None]:
    """Restart it, and wait until it answers: for tests that are alone."""
    running = "systemctl is-active -q opensips && echo opensips || echo kamailio"

    def restart_proxy() -> None:
        assert proxy.run(["sh", "-c", f"systemctl restart $({running})"]).returncode == 0
        asker = _scene.client("asker")
        assert any(is_answered(asker, within_s=0.2) for _ in range(50))

    return restart_proxy


@pytest.fixture
def new_client(_scene: Scene) -> Callable[..., Client]:
    """Makes clients: ``new_client("bob", host=…, transport="tcp", address=…)``, not registered."""
    return _scene.client


@pytest.fixture
def caller(_scene: Scene) -> Client:
    """A registered user over UDP, to whom nothing else happens."""
    return _scene.registered("caller")


@pytest.fixture
def new_phone(_scene: Scene, lab: Inventory) -> Callable[[str], Client]:
    """Makes clients behind NAT over UDP or TCP, registered: ``new_phone("tcp")``."""
    try:
        host = lab.first("natted")
    except SlowbyeError:
        pytest.skip("nobody in the inventory is behind NAT (group natted)")

    def new_phone(transport: str) -> Client:
        client = _scene.client("phone", host, transport, host.variables["private_address"])
        client.register()
        return client

    return new_phone


@pytest.fixture
def phone(new_phone: Callable[[str], Client]) -> Client:
    """A registered user over UDP behind NAT."""
    return new_phone("udp")


@pytest.fixture
def callee(_scene: Scene) -> Client:
    """Another one."""
    return _scene.registered("callee")
