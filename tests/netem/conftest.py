from collections.abc import Iterator
from pathlib import Path

import pytest

from netem.router import NETS_YAML, Router, make_router
from slowbye.netem import clear
from slowbye.netem import state as netem_state


@pytest.fixture(scope="session")
def shared_router() -> Router:
    return make_router()


@pytest.fixture(scope="session")
def nets_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nets") / "wan.yml"
    path.write_text(NETS_YAML)
    return path


@pytest.fixture
def router(shared_router: Router) -> Iterator[Router]:
    """The router with nothing in force, before and after; the test is on it."""
    with shared_router.at("router"):
        yield shared_router
        clear()
        netem_state.forget_state()
    shared_router.close_sockets()


@pytest.fixture
def host(shared_router: Router) -> Iterator[Router]:
    """The same with the test on the sip host, which is no router."""
    with shared_router.at("sip"):
        yield shared_router
        clear()
    shared_router.close_sockets()
