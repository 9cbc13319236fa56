"""A kernel that lacks something is refused by name, before anything is changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from netem.modules import load, loaded, unload
from netem.router import Router, qdiscs
from netem.test_delay import put
from slowbye.errors import SlowbyeError
from slowbye.netem.state import load_state


@pytest.fixture(params=["sch_netem", "sch_prio", "cls_u32"])
def missing(request: pytest.FixtureRequest, router: Router) -> Iterator[str]:
    name: str = request.param
    if not loaded(name) or Path("/sbin/modprobe").exists():
        pytest.skip(f"{name} cannot be taken from this kernel without it coming back by itself")
    unload(name)
    yield name
    load(name)


def test_the_missing_module_is_named(router: Router, nets_file: Path, missing: str) -> None:
    before = qdiscs()
    with pytest.raises(SlowbyeError, match=f"has no {missing}: load the module"):
        put(nets_file, "fragment-delay")
    assert qdiscs() == before
    assert load_state() is None
