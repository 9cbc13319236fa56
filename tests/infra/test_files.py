"""Files: who wrote them, who may read them, who may change them, and how long they are good for."""

from pathlib import Path

from infra import templated_files
from infra.fleet import Machine, Unit, units

_HEADER = "Ansible managed"

# db_text takes every line for a row.
_WITHOUT_COMMENTS = {"subscriber"}


def test_every_templated_file_says_that_ansible_manages_it(machine: Machine) -> None:
    written = sorted(
        pattern
        for pattern in templated_files.patterns(machine)
        if Path(pattern).name not in _WITHOUT_COMMENTS
    )
    assert [pattern for pattern in written if not pattern.startswith("/")] == []
    there = machine.output(f"ls -d {' '.join(written)} 2>/dev/null; true").split()
    assert there or not machine.variables
    silent = machine.run(f"grep -L -e %s /dev/null {' '.join(there)}", _HEADER).stdout.split()
    assert silent == ["/dev/null"]


def _users(machine: Machine) -> set[str]:
    return {"nobody", *(unit.user for unit in units(machine) if unit.user)}


def test_only_root_and_the_service_can_open_what_is_secret(keeper: Unit) -> None:
    script = "for path; do if (: <$path) 2>/dev/null; then echo $(id -un) $path; fi; done"
    secrets = " ".join(keeper.secrets)
    opened = keeper.machine.output(
        "; ".join(
            f"runuser -u {user} -- sh -c '{script}' sh {secrets}"
            for user in sorted(_users(keeper.machine))
        )
    )
    assert opened.splitlines() == [f"{keeper.user} {path}" for path in keeper.secrets]


def test_a_service_cannot_change_its_own_configuration(service: Unit) -> None:
    targets = {*service.configuration, *(str(Path(path).parent) for path in service.configuration)}
    script = 'for target; do if [ -w "$target" ]; then echo "$target"; fi; done'
    writable = service.machine.output(
        f"runuser -u %s -- sh -c %s sh {' '.join(sorted(targets))}", service.user, script
    )
    assert writable == ""


def test_configuration_belongs_to_root_and_is_writable_by_nobody_else(reader: Unit) -> None:
    shown = reader.machine.output(f"stat --format='%U %a %n' {' '.join(reader.configuration)}")
    for line in shown.splitlines():
        owner, mode, path = line.split()
        assert owner == "root", path
        assert int(mode, 8) & 0o022 == 0, f"{path} has mode {mode}"


def test_a_certificate_is_valid_for_weeks_to_come(tls_host: Machine) -> None:
    """A run of the playbook renews it long before; this is for hosts that nobody has run it on."""
    days = int(tls_host.variables["ngtunnel_certificate_renew_days"]) // 2
    for file in ("certificate", "ca"):
        checked = tls_host.run(
            "openssl x509 -in /etc/ngtunnel/tls/%s.pem -noout -enddate -checkend %s",
            file,
            days * 86400,
        )
        assert checked.rc == 0, f"{file}.pem: {checked.stdout.strip()}, in less than {days} days"


def test_a_certificate_has_the_names_by_which_the_other_end_knows_the_host(
    tls_host: Machine,
) -> None:
    for name in tls_host.variables["ngtunnel_certificate_names"]:
        checked = tls_host.output(
            "openssl x509 -in /etc/ngtunnel/tls/certificate.pem -noout -checkhost %s", name
        )
        assert "does match" in checked


def test_the_tunnel_accepts_its_own_configuration_and_certificates(tls_host: Machine) -> None:
    for instance in tls_host.instances:
        checked = tls_host.run("ngtunnel check --config /etc/ngtunnel/%s.toml", instance["name"])
        assert checked.rc == 0, checked.stderr
        assert checked.stdout.startswith("OK: ")
