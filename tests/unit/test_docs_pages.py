"""Templates and captures make pages, and what does not fit is one clear line."""

from pathlib import Path

import pytest

from slowbye.docs.flow import Flow, Step
from slowbye.docs.pages import PROXIES, Pages
from slowbye.errors import SlowbyeError

ROOT = Path(__file__).parents[2]
RECORD_ROUTE = {"kamailio": "<sip:198.18.1.1;lr=on>", "opensips": "<sip:198.18.1.1;lr>"}


def flow(proxy: str, facts: dict[str, str] | None = None, contact: str = "<sip:c>") -> Flow:
    came = Step(
        "caller", "proxy", "INVITE", method="INVITE", transport="UDP",
        lines=("INVITE sip:callee@198.18.1.1 SIP/2.0", "Max-Forwards: 70", "CSeq: 1 INVITE"),
    )  # fmt: skip
    went = Step(
        "proxy", "callee", "INVITE", method="INVITE", transport="UDP",
        lines=(
            "INVITE sip:callee@198.18.3.1:42000 SIP/2.0", "Max-Forwards: 69", "CSeq: 1 INVITE",
            f"Record-Route: {RECORD_ROUTE[proxy]}", f"Contact: {contact}",
        ),
    )  # fmt: skip
    return Flow("test_a_call", ("caller", "proxy", "callee"), (came, went), facts or {})


def pages(tmp_path: Path, template: str, flows: dict[str, Flow] | None = None) -> Pages:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.md.j2").write_text(template)
    for proxy in PROXIES:
        kept = tmp_path / "captures" / proxy / "test_a_call.yml"
        kept.parent.mkdir(parents=True)
        kept.write_text((flows or {}).get(proxy, flow(proxy)).dump())
    return Pages(tmp_path)


def test_the_pages_of_this_project_are_what_its_captures_say() -> None:
    here = Pages(ROOT / "docs")
    for page in here.names:
        assert (ROOT / "docs" / page).read_text() == here.render(page), "`make docs` mends it"


def test_what_both_proxies_say_is_shown_once(tmp_path: Path) -> None:
    text = pages(tmp_path, '{{ ladder("test_a_call") }}').render("page.md")
    assert text.count("INVITE") == 2
    assert "OpenSIPS" not in text


def test_where_they_differ_each_is_named(tmp_path: Path) -> None:
    contact = {"kamailio": "<sip:caller@10.0.0.1;alias=198.18.3.9~61000~1>", "opensips": "<sip:c>"}
    flows = {proxy: flow(proxy, contact=contact[proxy]) for proxy in PROXIES}
    template = '{{ message("test_a_call", "INVITE", "proxy", "callee", "Contact") }}'
    text = pages(tmp_path, template, flows).render("page.md")
    assert text.index("Kamailio:") < text.index(";alias=") < text.index("OpenSIPS:")
    assert text.count("proxy → callee") == 2


def test_where_they_only_spell_differently_one_is_shown(tmp_path: Path) -> None:
    template = '{{ message("test_a_call", "INVITE", "proxy", "callee", "Record-Route") }}'
    text = pages(tmp_path, template).render("page.md")
    assert text.count("Record-Route: <sip:198.18.1.1;lr>") == 1
    assert "OpenSIPS" not in text


def test_their_spelling_is_shown_where_a_page_wants_it(tmp_path: Path) -> None:
    template = (
        '{{ changed("test_a_call", "INVITE", "caller", "proxy", "callee", "Record-Route", '
        "exact=True) }}"
    )
    text = pages(tmp_path, template).render("page.md")
    assert text.index("Kamailio:") < text.index(";lr=on>") < text.index("OpenSIPS:")


def test_a_change_is_shown_as_a_diff_of_the_chosen_headers(tmp_path: Path) -> None:
    template = '{{ changed("test_a_call", "INVITE", "caller", "proxy", "callee", "Max-Forwards") }}'
    assert pages(tmp_path, template).render("page.md").splitlines() == [
        "```diff",
        "@@ INVITE: caller → proxy → callee @@",
        "-INVITE sip:callee@198.18.1.1 SIP/2.0",
        "+INVITE sip:callee@198.18.3.1:42000 SIP/2.0",
        "-Max-Forwards: 70",
        "+Max-Forwards: 69",
        "```",
    ]


def test_a_message_that_was_not_on_the_wire_is_named(tmp_path: Path) -> None:
    template = '{{ message("test_a_call", "200 BYE", "callee", "proxy") }}'
    with pytest.raises(SlowbyeError, match="test_a_call has 0 200 BYE from callee to proxy"):
        pages(tmp_path, template).render("page.md")


def test_a_fact_on_which_the_proxies_differ_is_no_fact(tmp_path: Path) -> None:
    flows = {
        "kamailio": flow("kamailio", {"bye": "4 s"}),
        "opensips": flow("opensips", {"bye": "5 s"}),
    }
    with pytest.raises(SlowbyeError, match="'bye' of test_a_call is not one thing"):
        pages(tmp_path, '{{ fact("test_a_call", "bye") }}', flows).render("page.md")


def test_a_capture_that_is_missing_says_what_makes_it(tmp_path: Path) -> None:
    here = pages(tmp_path, '{{ ladder("test_another") }}')
    with pytest.raises(SlowbyeError, match=r"test_another\.yml is not there: `make docs` writes"):
        here.render("page.md")


def test_a_mistake_in_a_template_says_where(tmp_path: Path) -> None:
    with pytest.raises(SlowbyeError, match=r"docs/templates/page\.md\.j2: 'laddr' is undefined"):
        pages(tmp_path, "{{ laddr() }}").render("page.md")


def test_a_flow_is_read_as_it_was_written(tmp_path: Path) -> None:
    here = pages(tmp_path, '{{ ladder("test_a_call") }}')
    assert here.flows_of("page.md") == ["test_a_call"]


def test_no_capture_is_kept_that_no_page_shows() -> None:
    assert Pages(ROOT / "docs").shown_nowhere() == []


def test_a_directory_without_templates_is_not_ours(tmp_path: Path) -> None:
    with pytest.raises(SlowbyeError, match="run this in slowbye's directory"):
        Pages(tmp_path)
