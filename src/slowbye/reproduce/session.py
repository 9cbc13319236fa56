"""Runs a plan: impair, call, measure, judge, for each profile and path; then cure the WAN."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import dropwhile
from pathlib import Path

from slowbye.errors import SlowbyeError
from slowbye.measure import journal
from slowbye.measure.capture import Capture, ng_filter
from slowbye.measure.ng_trace import trace
from slowbye.measure.reassembly import read_datagrams
from slowbye.measure.rtt import measure_rtt_ms
from slowbye.netem.model import Profile
from slowbye.reproduce import calls, installed, playbook, results
from slowbye.reproduce.background import background_load
from slowbye.reproduce.duration import estimate_s, in_words
from slowbye.reproduce.figures import Measured, make_run
from slowbye.reproduce.paths import DIRECT, NgPath, rtpengine_nodes
from slowbye.reproduce.plan import CLEAN, Plan
from slowbye.reproduce.progress import Progress
from slowbye.reproduce.run import Run
from slowbye.sip.result import BatchResult

_TRIES = 3
"""How often a run is made at most: a busy machine is not often busy at the same moment."""

PLAYBOOKS = ("wan", "fresh")


def steps(plan: Plan) -> int:
    """Return how many steps a session will announce."""
    return 1 + len(plan.profiles) + 2 * len(plan.runs)


def announcement(plan: Plan) -> str:
    """Say what is going to be done, and about how long it takes."""
    profiles = ", ".join(profile.name for profile in plan.profiles)
    paths = ", ".join(dict.fromkeys(path.name for path, _ in plan.runs))
    number = f"{len(plan.runs)} run{'s' if len(plan.runs) > 1 else ''}"
    return (
        f"{number} of {plan.calls.number} calls over {paths}; WAN: {profiles}. "
        f"This takes about {in_words(estimate_s(plan, plan.runs))}."
    )


def dry_run(plan: Plan) -> list[list[str]]:
    """Return the commands that a session would run, in order; those on hosts as run from here."""
    commands = []
    for profile in plan.profiles:
        commands.append(
            playbook.command_line(plan.inventory.path, "wan", plan.wan_variables(profile))
        )
        for path in plan.paths_under(profile):
            commands.append(playbook.command_line(plan.inventory.path, "fresh", {}))
            commands.append(plan.client.command_line(plan.call_command(path, profile)))
    commands.append(playbook.command_line(plan.inventory.path, "wan", _clean(plan)))
    return commands


def look(plan: Plan) -> results.Session:
    """Look at the hosts and return a session without runs.

    Raises:
        SlowbyeError: a host is not there, or not provisioned.
    """
    for host in plan.hosts:
        host.check_up()
    wan = installed.find_wan(plan.wan)
    return results.Session(
        started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        proxy=installed.find_proxy(plan.sip),
        rtpengine_version=installed.find_rtpengine_version(plan.media),
        wan=results.WanUsed(wan.driver, wan.kernel, plan.rtt_ms),
        calls=asdict(plan.calls),
        patience={"workers": plan.workers, "try_ms": plan.try_ms, "tries": plan.tries},
    )


class Reproduction:
    """One session under way.

    Args:
        plan: what to run.
        directory: where its results go.
        progress: told each step.
    """

    def __init__(self, plan: Plan, directory: Path, progress: Progress) -> None:
        self._plan = plan
        self._directory = directory
        self._progress = progress
        self.wan_is_clean = True

    def run(self, session: results.Session) -> results.Session:
        """Run everything; the WAN is clean afterwards, whatever happens.

        Args:
            session: from :func:`look`.

        Raises:
            SlowbyeError: something is missing or does not work; which, and what to do.
        """
        try:
            for profile in self._plan.profiles:
                self._impair(profile)
                for path in self._plan.paths_under(profile):
                    clean_ms = session.bye_p99_ms(DIRECT, CLEAN)
                    session = session.with_run(self._measure(path, profile, clean_ms))
                    results.save(self._directory, session)
                    results.make_latest(self._directory)
        except SlowbyeError as error:
            self._cure(f"{error}; then ")
            raise
        except BaseException:
            self._cure()
            raise
        self._cure()
        return session

    def _cure(self, before: str = "") -> None:
        if self.wan_is_clean:
            return
        self._progress.step("making the WAN clean again")
        try:
            self._play("wan", _clean(self._plan))
        except SlowbyeError as error:
            raise SlowbyeError(f"{before}the WAN could not be made clean: {error}") from error
        self.wan_is_clean = True

    def _impair(self, profile: Profile) -> None:
        left = dropwhile(lambda run: run[1] != profile, self._plan.runs)
        left_s = estimate_s(self._plan, left)
        self._progress.step(
            f"{profile.name}: impairing the WAN; about {in_words(left_s)} from here"
        )
        self.wan_is_clean = False
        self._play("wan", self._plan.wan_variables(profile))
        self.wan_is_clean = self._plan.wan_variables(profile) == _clean(self._plan)

    def _play(self, name: str, variables: Mapping[str, str]) -> None:
        log = self._directory / "ansible.log"
        playbook.play(self._plan.inventory.path, name, variables, log)

    def _measure(self, path: NgPath, profile: Profile, clean_bye_p99_ms: float | None) -> Run:
        """Make a run, and again while only a busy moment may be wrong with it; each try is told."""
        told: list[str] = []
        while True:
            run = self._run(path, profile, clean_bye_p99_ms)
            verdict = run.verdict
            if verdict is None or not verdict.only_times or len(told) == _TRIES - 1:
                return replace(run, notes=[*told, *run.notes])
            told.append(f"measured again, because {'; '.join(verdict.reasons)}")

    def _run(self, path: NgPath, profile: Profile, clean_bye_p99_ms: float | None) -> Run:
        plan, name = self._plan, f"{path.name}-{profile.name}"
        placed = plan.calls_under(profile)
        self._progress.step(f"{profile.name}, {path.name}: restarting the proxy and rtpengine")
        # Its start belongs to the run: where no UDP arrives, the first ping finds that out.
        since = journal.cursor(plan.sip)
        self._play("fresh", {})
        unit = f"{installed.find_proxy(plan.sip).name}.service"
        rtt_ms = measure_rtt_ms(plan.sip, plan.media.address)
        nodes = rtpengine_nodes(plan.media)
        ports = {port for _, port in nodes}
        at_proxy = self._directory / f"{name}.pcap"
        at_rtpengine = self._directory / f"{name}.rtpengine.pcap"
        self._progress.step(f"{profile.name}, {path.name}: {placed.number} calls")
        with ExitStack() as running:
            captures = [
                running.enter_context(Capture(plan.sip, at_proxy, ng_filter(path.ports))),
                running.enter_context(
                    Capture(plan.media, at_rtpengine, ng_filter(ports, sip_port=None))
                ),
            ]
            running.enter_context(background_load(plan, profile))
            batch, warnings = calls.place(
                plan.client, placed, plan.call_command(path, profile), self._progress.detail
            )
        entries = journal.read_since(plan.sip, unit, since)
        self._keep(name, batch, entries)
        measured = Measured(
            batch=batch,
            at_proxy=trace(read_datagrams(at_proxy), path.nodes),
            at_rtpengine=trace(read_datagrams(at_rtpengine), nodes),
            node_disabled=journal.node_disabled(entries, path.urls if plan.name_paths else ()),
            rtt_ms=rtt_ms,
            packets_lost=sum(capture.dropped for capture in captures),
            notes=warnings,
        )
        return make_run(plan, path, profile, measured, clean_bye_p99_ms)

    def _keep(self, name: str, batch: BatchResult, entries: list[journal.Entry]) -> None:
        placed = self._directory / f"{name}.calls.json"
        placed.write_text(json.dumps(batch.to_json()) + "\n", encoding="utf-8")
        said = self._directory / f"{name}.journal"
        said.write_text("".join(f"{entry}\n" for entry in entries), encoding="utf-8")


def _clean(plan: Plan) -> dict[str, str]:
    return {"wan_profile": CLEAN, "wan_rtt": f"{plan.rtt_ms:g}ms"}
