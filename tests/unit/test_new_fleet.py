"""An inventory out of a few facts, and its secrets."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slowbye.hosts import read_inventory

_FACTS = ("sip=192.0.2.11,192.0.2.12=10.0.0.12", "media=198.51.100.21", "users=alice,bob")
_PROGRAMS = Path(sys.executable).parent


def _play(playbook: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    without = {name: value for name, value in os.environ.items() if "VAULT" not in name}
    return subprocess.run(
        [_PROGRAMS / "ansible-playbook", f"playbooks/{playbook}.yml", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**without, "ANSIBLE_NOCOLOR": "1", **more},
    )


def _ask(directory: Path, *facts: str) -> subprocess.CompletedProcess[str]:
    answers = [word for fact in (*facts, f"directory={directory}") for word in ("-e", fact)]
    return _play("inventory", *answers)


@pytest.fixture(scope="module")
def inventories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet's inventory, beside the example that it takes what is derived from."""
    inventories = tmp_path_factory.mktemp("inventory")
    (inventories / "production").symlink_to(Path("inventory/production").resolve())
    done = _ask(inventories / "berlin", *_FACTS)
    assert done.returncode == 0, done.stdout
    return inventories


@pytest.fixture
def fleet(inventories: Path, tmp_path: Path) -> Path:
    """The fleet's inventory, for one test alone."""
    shutil.copytree(inventories, tmp_path / "inventory", symlinks=True)
    return tmp_path / "inventory/berlin"


def test_its_hosts_know_of_each_other(fleet: Path) -> None:
    read = read_inventory(str(fleet))
    sip1, sip2 = read.group("sip")
    assert (sip2.address, sip2.target) == ("192.0.2.12", "192.0.2.12")
    (used,) = sip1.variables["sip_proxy_rtpengine_sets"]
    assert used["nodes"] == ["udp:127.0.0.1:2223"]
    assert read.first("media").variables["rtpengine_listen_ng"] == ["127.0.0.1:2223"]


def test_it_is_not_overwritten(fleet: Path) -> None:
    before = (fleet / "hosts.yml").read_bytes()
    done = _ask(fleet, "sip=192.0.2.99", "media=192.0.2.98")
    assert done.returncode != 0
    assert "is there already, and is not overwritten" in " ".join(done.stdout.split())
    assert (fleet / "hosts.yml").read_bytes() == before


def test_facts_that_make_none_are_named(tmp_path: Path) -> None:
    done = _ask(tmp_path / "berlin", "sip=192.0.2.1", "media=192.0.2.1")
    assert done.returncode != 0
    assert "No inventory can be made of" in " ".join(done.stdout.split())
    assert not (tmp_path / "berlin").exists()


def test_its_secrets_are_made_once_and_kept_encrypted(fleet: Path, tmp_path: Path) -> None:
    vault, password = fleet / "group_vars/all/vault.yml", tmp_path / "password"
    password.write_text("of the vault")

    def make() -> str:
        done = _play("secrets", "-i", str(fleet), ANSIBLE_VAULT_PASSWORD_FILE=str(password))
        assert done.returncode == 0, done.stdout
        view = [
            str(_PROGRAMS / "ansible-vault"),
            "view",
            f"--vault-password-file={password}",
            str(vault),
        ]
        seen = subprocess.run(view, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
        assert not any(secret in done.stdout for secret in seen.split()[2::2])
        return seen

    first = make()
    assert vault.read_text().startswith("$ANSIBLE_VAULT;")
    encrypted = vault.read_bytes()
    assert make() == first
    assert vault.read_bytes() == encrypted
    hosts = fleet / "hosts.yml"
    hosts.write_text(hosts.read_text().replace('"bob"', '"bob", "carol"'))
    with_carol = make()
    assert set(first.splitlines()) < set(with_carol.splitlines())
    assert "carol:" in with_carol


def test_no_secret_is_made_without_a_password_for_the_vault(fleet: Path) -> None:
    done = _play("secrets", "-i", str(fleet))
    assert done.returncode != 0
    assert "There is no vault password" in done.stdout
    assert not (fleet / "group_vars/all/vault.yml").exists()
