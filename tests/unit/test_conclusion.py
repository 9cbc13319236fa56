from dataclasses import replace
from pathlib import Path

import pytest
from reproduce_samples import clean_run, command, delayed_run, outage_run, same, session
from rich.console import Console

from slowbye.netem.model import Effect
from slowbye.reproduce import html, table
from slowbye.reproduce.conclusion import Conclusion, conclude
from slowbye.reproduce.conditions import Conditions
from slowbye.reproduce.results import Session
from slowbye.reproduce.run import Run, Verdict
from slowbye.reproduce.verdict import judge


def judged(run: Run) -> Run:
    conditions = Conditions(Effect(run.effect), run.profile_args.get("delay_ms", 0), 20)
    return replace(run, verdict=judge(run, replace(conditions, clean_bye_p99_ms=64)))


CLEAN, LATE = clean_run(), delayed_run()
LOST = outage_run(profile="fragment-drop", effect="fragments-lost", profile_args={})
LOSSY = clean_run(profile="lossy", effect="loss", bye_ms=same(1064), ng_ms=same(1021))


def through(path: str, run: Run, **changes: object) -> Run:
    healthy = clean_run(path=path, profile=run.profile, effect=run.effect, ng_ms=same(22))
    return replace(healthy, **{"profile_args": run.profile_args, **changes})  # type: ignore[arg-type]


def concluded(*runs: Run) -> Conclusion:
    return conclude([judged(run) for run in runs], rtt_ms=20)


def test_a_cure_is_told_with_its_figures() -> None:
    conclusion = concluded(CLEAN, LATE, through("ngtunnel", LATE, bye_ms=same(66)))
    assert conclusion.text == [
        "ngtunnel cured fragment-delay "
        "(BYE p99 66 ms, 1.03 times clean direct; direct took 4.06 s)."
    ]
    assert conclusion.ok


def test_an_outage_and_loss_are_cured_in_their_own_words() -> None:
    (text,) = concluded(
        CLEAN,
        LOST,
        LOSSY,
        through("ngtunnel", CLEAN),
        through("ngtunnel", LOST),
        through("ngtunnel", LOSSY, ng_ms=same(52)),
    ).text
    assert text == (
        "ngtunnel cured fragment-drop (BYE p99 64 ms, 1.00 times clean direct; direct: an outage) "
        "and lossy (ng p99 52 ms, 2.6 round trips; direct took 1.02 s). "
        "Fast: clean (BYE p99 64 ms, 1.00 times clean direct)."
    )


def test_round_trips_are_counted_in_those_of_the_profile() -> None:
    through_tunnel = through("ngtunnel", LOSSY, ng_ms=same(100), profile_args={"rtt_ms": 40})
    assert table.profile_name(through_tunnel) == "lossy, RTT 40ms"
    finding = conclude([through_tunnel], rtt_ms=20).matrix["ngtunnel"]["lossy"]
    assert finding.p99_ms == 100
    judged_good = replace(through_tunnel, verdict=Verdict(True, "", ""))
    assert "2.5 round trips" in conclude([judged_good], rtt_ms=20).text[0]


def test_a_path_that_is_slow_cured_nothing() -> None:
    conclusion = concluded(CLEAN, LATE, through("ngtunnel", LATE, bye_ms=same(500)))
    assert conclusion.text == [
        "ngtunnel cured nothing. Not cured, slow: fragment-delay (BYE p99 500 ms, 7.81 times clean "
        "direct; direct took 4.06 s)."
    ]
    assert not conclusion.ok


def test_a_little_above_the_figure_is_no_cure_either() -> None:
    conclusion = concluded(CLEAN, LATE, through("ngtunnel", LATE, bye_ms=same(73)))
    assert conclusion.matrix["ngtunnel"]["fragment-delay"].word == "fast"
    assert "cured nothing" in conclusion.text[0]
    assert not conclusion.ok


def test_where_direct_was_fast_there_was_nothing_to_cure() -> None:
    lucky = replace(LOSSY, ng_ms=same(60))
    assert concluded(CLEAN, lucky, through("socat", lucky)).matrix["socat"]["lossy"].word == "fast"
    alone = concluded(CLEAN, through("socat", LATE))
    assert alone.text[0].startswith("socat had nothing to cure. Fast: fragment-delay")


def test_broken_datagrams_are_part_of_the_conclusion() -> None:
    broken = through("socat", LATE, garbled=14)
    broken = replace(broken, ng={"delete": command(21, 3326, unanswered=7)})
    conclusion = concluded(CLEAN, LATE, broken)
    assert conclusion.text[0].endswith(
        "But 14 datagrams came out of it cut or merged, and the proxy could not read the replies "
        "to 7 of 20 commands."
    )
    found = conclusion.matrix["socat"]["fragment-delay"]
    assert table.finding_cell(found) == "cured 64 ms, 7 cut"


def test_failed_calls_are_counted() -> None:
    failing = through("socat", LATE, failed=3, garbled=3)
    (text,) = concluded(CLEAN, LATE, failing).text
    assert "Not cured, failing: fragment-delay (3 of 20 calls failed;" in text


def compared() -> Session:
    runs = [CLEAN, LATE, LOST, through("ngtunnel", LATE), through("ngtunnel", LOST)]
    return replace(session(), runs=[judged(run) for run in runs])


def test_the_matrix_has_a_cell_for_each_run_and_a_dash_for_none() -> None:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    table.show(compared(), console)
    lines = console.export_text().splitlines()
    (head,) = [number for number, line in enumerate(lines) if line.split()[:2] == ["path", "BYE"]]
    rows = {line.split()[0]: line.split()[1:] for line in lines[head + 2 : head + 4]}
    assert rows["direct"] == ["fast", "64", "ms", "slow", "4.06", "s", "outage"]
    assert rows["ngtunnel"] == ["–", "cured", "64", "ms", "cured", "64", "ms"]  # noqa: RUF001


@pytest.mark.parametrize("paths", [["direct"], ["direct", "ngtunnel"]])
def test_one_path_alone_is_not_compared(paths: list[str]) -> None:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    everything = compared()
    table.show(
        replace(everything, runs=[run for run in everything.runs if run.path in paths]), console
    )
    assert ("cured" in console.export_text()) == (len(paths) > 1)


def test_what_is_red_is_marked_in_the_matrix() -> None:
    slow = judged(through("ngtunnel", LATE, bye_ms=same(500)))
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    table.show(replace(session(), runs=[judged(CLEAN), judged(LATE), slow]), console)
    assert "✗ slow 500 ms" in console.export_text()


def test_the_json_file_and_the_page_have_it(tmp_path: Path) -> None:
    found = compared().to_json()["verdict"]
    assert found["ok"]
    assert found["matrix"]["ngtunnel"]["fragment-drop"]["word"] == "cured"
    assert found["matrix"]["ngtunnel"]["fragment-drop"]["of_clean"] == 1
    page = html.render(compared(), tmp_path)
    assert "What cured what" in page
    assert "cured 64 ms" in page
