"""The bug, on real calls through a real proxy and a real rtpengine."""

from slowbye.hosts import Inventory
from slowbye.reproduce.results import Session
from slowbye.reproduce.run import Run

MTU = 1500
IP_AND_UDP_HEADERS = 28


def test_every_run_shows_what_its_profile_should_cause(session: Session) -> None:
    wrong = {
        (run.path, run.profile): run.verdict.reasons
        for run in session.runs
        if run.verdict and not run.verdict.ok
    }
    assert wrong == {}


def test_the_wan_adds_less_than_a_millisecond_to_its_round_trip(clean: Run) -> None:
    assert clean.rtt_measured_ms is not None
    assert 20 <= clean.rtt_measured_ms < 21


def test_no_call_fails_on_a_clean_wan(clean: Run) -> None:
    assert (clean.failed, clean.rtp_ok) == (0, clean.calls)


def test_bye_is_fast_on_a_clean_wan(clean: Run, bye_round_trips: int) -> None:
    assert clean.bye_ms.p99 is not None
    assert clean.bye_ms.p99 < bye_round_trips * 20 + 20


def test_bye_is_as_slow_as_the_fragments(delayed: Run) -> None:
    assert delayed.bye_ms.p50 is not None
    assert 4000 <= delayed.bye_ms.p50 <= 4400


def test_the_call_report_makes_it_slow_and_offer_and_answer_stay_fast(delayed: Run) -> None:
    commands = ("offer", "answer", delayed.report_command)
    p50 = {command: delayed.ng[command].p50 or 0 for command in commands}
    assert 4000 <= p50[delayed.report_command] <= 4400
    assert p50["offer"] < 30
    assert p50["answer"] < 30


def test_the_call_report_exceeds_the_mtu_and_travels_in_fragments(delayed: Run) -> None:
    assert delayed.report is not None
    assert delayed.report.reply_bytes_max + IP_AND_UDP_HEADERS > MTU
    assert delayed.report.fragmented > 0
    assert delayed.reply_fragmented


def test_the_proxy_asks_again_while_it_waits(delayed: Run) -> None:
    assert delayed.report is not None
    assert delayed.report.retransmits >= 3 * (delayed.report.count - delayed.report.unanswered)


def test_a_bystander_starves_while_all_workers_wait(delayed: Run) -> None:
    assert delayed.byes_under_way >= 8
    assert delayed.bystander_ms.p99 is not None
    assert delayed.bystander_ms.p99 > 1000


def test_the_output_says_which_proxy_ran(session: Session) -> None:
    assert session.proxy.name in ("opensips", "kamailio")
    assert session.proxy.version[0].isdigit()
    assert session.wan.driver in ("uml", "container")


def test_rtpengine_listens_for_ng_on_the_told_address_and_nowhere_else(lab: Inventory) -> None:
    for host in lab.group("media"):
        sockets = host.run(["ss", "--numeric", "--listening", "--udp", "--no-header"]).stdout
        listening = {line.split()[3] for line in sockets.splitlines()}
        told = host.variables.get("rtpengine_listen_ng") or [f"{host.address}:2223"]
        ng = {address for address in listening if address.endswith(":2223")}
        assert ng == set(told), f"{host.name} listens on {sorted(listening)}"
