import json

import pytest

from slowbye.measure.journal import Entry, node_disabled, parse


def line(message: object, **fields: str) -> str:
    return json.dumps(
        {
            "MESSAGE": message,
            "__REALTIME_TIMESTAMP": "1767225600123456",
            "SYSLOG_IDENTIFIER": "kamailio",
            **fields,
        }
    )


DIRECT = "udp:198.18.2.1:2223"
OPENSIPS = f"ERROR:rtpengine:send_rtpe_command: proxy <{DIRECT}> does not respond, disable it"
KAMAILIO = (
    "ERROR: rtpengine [rtpengine.c:3100]: send_rtpp_command(): timeout waiting reply for command "
    f'"delete" from RTPEngine <{DIRECT}>'
)
REFUSED = (
    "ERROR: rtpengine [rtpengine.c:3081]: send_rtpp_command(): can't read reply for command "
    f'"ping" from RTPEngine <{DIRECT}>'
)
UNSENT = (
    "ERROR: rtpengine [rtpengine.c:3070]: send_rtpp_command(): can't send command "
    f'"ping" to RTPEngine <{DIRECT}>'
)
INVALID = "ERROR: rtpengine [rtpengine.c:2925]: rtpp_test(): proxy responded with invalid response"


@pytest.mark.parametrize("message", [OPENSIPS, KAMAILIO, REFUSED, UNSENT])
@pytest.mark.parametrize("nodes", [[], [DIRECT]])
def test_both_proxies_words_for_a_dead_node_are_known(message: str, nodes: list[str]) -> None:
    assert node_disabled([Entry(0, "proxy", message)], nodes)


def test_a_dead_node_without_a_name_counts_where_it_can_be_no_other() -> None:
    assert node_disabled([Entry(0, "proxy", INVALID)], [])
    assert not node_disabled([Entry(0, "proxy", INVALID)], [DIRECT])


@pytest.mark.parametrize("message", [OPENSIPS, KAMAILIO, REFUSED, UNSENT])
def test_a_dead_node_of_another_path_is_no_matter(message: str) -> None:
    assert not node_disabled([Entry(0, "proxy", message)], ["udp:127.0.0.1:2223"])


def test_other_trouble_is_not_a_dead_node() -> None:
    assert not node_disabled([Entry(0, "p", "can't parse the SDP"), Entry(0, "p", "")], [])


def test_entries_have_a_time_a_name_and_a_message() -> None:
    (entry,) = parse(line("hello") + "\n")
    assert entry.time_ms == pytest.approx(1767225600123.456)
    assert str(entry) == "2026-01-01T00:00:00.123+00:00 kamailio: hello"


def test_a_message_that_is_not_text_is_a_list_of_bytes() -> None:
    assert parse(line([104, 105, 255]))[0].message == "hi\ufffd"


def test_an_empty_message_is_empty() -> None:
    assert parse(line(None))[0].message == ""


def test_the_entry_that_a_cursor_points_to_is_not_after_it() -> None:
    lines = [line("before", __CURSOR="s=1;i=1"), line("after", __CURSOR="s=1;i=2")]
    assert [entry.message for entry in parse("\n".join(lines), "s=1;i=1")] == ["after"]
