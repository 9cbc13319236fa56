"""Ladders as a reader sees them, line by line."""

from slowbye.docs.flow import Step
from slowbye.docs.ladder import draw

ACTORS = ("caller", "proxy", "callee")


def drawn(*steps: Step) -> list[str]:
    return draw(ACTORS, steps).splitlines()


def test_an_arrow_leads_from_its_sender_to_its_receiver() -> None:
    assert drawn(Step("caller", "proxy", "INVITE"), Step("proxy", "caller", "200 OK")) == [
        "caller        proxy",
        "   |            |",
        "   |-- INVITE ->|",
        "   |<- 200 OK --|",
        "   |            |",
    ]


def test_an_arrow_passes_the_columns_between() -> None:
    lines = drawn(Step("caller", "proxy", "BYE"), Step("caller", "callee", "INVITE"))
    assert lines[0].split() == ["caller", "proxy", "callee"]
    assert lines[3].count("|") == 2
    assert " INVITE " in lines[3]


def test_a_column_that_nothing_touches_is_left_out() -> None:
    assert "callee" not in drawn(Step("caller", "proxy", "OPTIONS"))[0]


def test_a_time_is_said_once() -> None:
    steps = [Step("caller", "proxy", name, at=at) for name, at in (("A", "0 s"), ("B", "0 s"))]
    steps.append(Step("caller", "proxy", "C", at="4 s"))
    assert [line[:3] for line in drawn(*steps)[2:-1]] == ["0 s", "   ", "4 s"]


def test_what_was_lost_ends_in_a_cross() -> None:
    assert drawn(Step("caller", "proxy", "BYE", lost=True))[2].endswith("- BYE -X|")


def test_what_went_over_tcp_says_so() -> None:
    assert "INVITE (TCP)" in drawn(Step("caller", "proxy", "INVITE", transport="TCP"))[2]


def test_no_line_ends_in_blanks_and_every_label_is_whole() -> None:
    long = "486 Busy Here, and a few words more"
    lines = drawn(Step("callee", "proxy", long), Step("proxy", "caller", "486 Busy Here"))
    assert all(line == line.rstrip() for line in lines)
    assert sum(long in line for line in lines) == 1
