"""Certbot has a certificate for the proxy, keeps it, and renews it without a restart."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import made_with
from calls.harm import Watch
from calls.sockets import on
from slowbye.hosts import Host, Inventory
from slowbye.reproduce.playbook import play

_SERVER = "../tests/acme/server"
_PORT = 5061
_AUTHORITY = "/etc/ssl/acme-server.pem"

_DUE = (
    "sed -i 's/^# renew_before_expiry.*/renew_before_expiry = 10 years/' /etc/letsencrypt/renewal/*"
)
"""Makes the service of Debian's timer renew what Pebble has given for five years."""

_CHANGED = re.compile(r" changed=(\d+) ")


@pytest.fixture(scope="module")
def site(lab: Inventory, pytestconfig: pytest.Config) -> Iterator[Callable[[], str]]:
    """Provision the hosts, with certificates from the ACME server, and return what was said."""
    log = Path("results/acme/playbooks.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    made = made_with.variables(pytestconfig)
    client = lab.first("clients").address
    acme = {
        "sip_proxy_tls": True,
        "sip_proxy_tls_port": _PORT,
        "sip_proxy_tls_acme": True,
        "sip_proxy_tls_acme_domains": ["{{ inventory_hostname }}.acme.test"],
        "sip_proxy_tls_acme_server": f"https://{client}:14000/dir",
        "sip_proxy_tls_acme_ca": _AUTHORITY,
    }

    def site() -> str:
        before = log.stat().st_size
        play(lab.path, "site", {**made, **acme}, log)
        return log.read_text(encoding="utf-8")[before:]

    play(lab.path, _SERVER, {}, log)
    try:
        yield site
    finally:
        play(lab.path, "site", made, log)
        play(lab.path, _SERVER, {"server": "false"}, log)


def test_a_certificate_is_had_kept_and_renewed(
    lab: Inventory, site: Callable[[], str], tmp_path: Path
) -> None:
    site()
    authority = tmp_path / "authority.pem"
    authority.write_text(_roots(lab))
    trusting = ssl.create_default_context(cafile=str(authority))
    proxies = lab.group("sip")
    first = {proxy.name: _shown(lab, proxy, trusting) for proxy in proxies}

    assert set(_CHANGED.findall(site())) == {"0"}
    assert {proxy.name: _shown(lab, proxy, trusting) for proxy in proxies} == first

    watches = [Watch(proxy) for proxy in proxies]
    for proxy in proxies:
        assert proxy.run(["sh", "-c", _DUE]).returncode == 0
        renewed = proxy.run(["systemctl", "start", "certbot.service"], timeout_s=120)
        assert renewed.returncode == 0, proxy.run(["journalctl", "-qu", "certbot", "-n30"]).stdout
        assert _shown(lab, proxy, trusting) != first[proxy.name]
    for watch in watches:
        watch.assert_same_processes()


def _roots(lab: Inventory) -> str:
    """Return the authority that the server signs with, in PEM; it makes one at each start."""
    client = lab.first("clients")
    url = f"https://{client.address}:15000/roots/0"
    ask = (
        "import ssl, sys, urllib.request as u; "
        "print(u.urlopen(sys.argv[1], context=ssl.create_default_context(cafile=sys.argv[2]))"
        ".read().decode())"
    )
    done = client.run(["python3", "-c", ask, url, "/srv/acme/certificate.pem"])
    assert done.returncode == 0, done.stderr
    return done.stdout


def _shown(lab: Inventory, proxy: Host, context: ssl.SSLContext) -> bytes | None:
    """Return the certificate that a client is shown, and that it trusts for the proxy's name."""
    at = (proxy.address, _PORT)
    with (
        on(lab.first("clients"), lambda: socket.create_connection(at, timeout=5)) as plain,
        context.wrap_socket(plain, server_hostname=f"{proxy.name}.acme.test") as secured,
    ):
        return secured.getpeercert(binary_form=True)
