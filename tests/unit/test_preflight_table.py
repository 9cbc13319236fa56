"""The table of playbooks/preflight.yml says how packets fare, and who could not be asked."""

from typing import Any

from plugins.filter.preflight_table import preflight_table

_PASSED = {"received": 3, "rtt_ms": 20.6}
_LOST = {"received": 0, "rtt_ms": None}
_GONE = {"unreachable": True, "msg": "No route to host"}


def _looked(**ways: Any) -> dict[str, Any]:
    return {
        "system": {"id": "debian", "version_id": "12"},
        "clock": {"synchronized": False},
        "disks": {"/": 4000, "/var": 900},
        "mtu": 1500,
        "sources": {"http://a/InRelease": "", "http://b/InRelease": "no answer"},
        "names": {"sip.example.com": []},
        "ways": ways,
    }


def test_each_host_has_a_line() -> None:
    heads, first, second = preflight_table({"media1": _looked(), "media2": _GONE})
    assert heads.split() == ["host", "system", "clock", "free", "MTU", "packages", "names"]
    assert first == "media1  debian 12        not kept  900 MB  1500  1 of 2    0 of 1"
    assert second.startswith("media2  cannot be asked")


def test_each_way_says_whether_fragments_pass() -> None:
    fragments = {"small": _PASSED, "full": _PASSED, "fragments": _LOST}
    nothing = {"small": _LOST, "full": _LOST, "fragments": _LOST}
    some = {"small": _PASSED, "full": _PASSED, "fragments": {"received": 2, "rtt_ms": 21.0}}
    lines = preflight_table({"sip1": _looked(media1=fragments, media2=nothing, media3=some)})
    assert lines[-3].endswith("20.6 ms             20.6 ms     do not pass")
    assert lines[-2].endswith("no answer to pings  -           -")
    assert lines[-1].endswith("20.6 ms             20.6 ms     21.0 ms, 1 of 3 lost")
