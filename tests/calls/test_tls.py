"""SIP over TLS: who is called so is reached so, and a new certificate needs no restart."""

import socket
import ssl
from collections.abc import Callable

import pytest

from calls import messages
from calls.client import Client
from calls.dialog import Dialog
from calls.harm import Watch
from calls.rtpengine import Rtpengine
from calls.sockets import on
from calls.talking import hang_up, talk
from slowbye.hosts import Host, Inventory

_CERTIFICATE = "/etc/{}/tls/certificate.pem"
_TAKE = "/usr/local/sbin/sip-proxy-certificate"


@pytest.fixture
def secure(new_client: Callable[..., Client], proxy: Host) -> Callable[..., Client]:
    """Makes registered clients over TLS: ``secure("caller", scheme="sips")``."""
    if not proxy.variables.get("sip_proxy_tls"):
        pytest.skip("the inventory has no sip_proxy_tls")

    def secure(role: str, scheme: str = "sip") -> Client:
        client = new_client(role, transport="tls")
        if scheme == "sips":
            client.contact = f"<sips:{client.user}@{client.sent_by}>"
        client.register()
        return client

    return secure


@pytest.mark.parametrize("who", ["caller", "callee", "both"])
def test_a_call_over_tls(
    secure: Callable[..., Client], caller: Client, callee: Client, rtpengine: Rtpengine, who: str
) -> None:
    calls = secure("caller") if who != "callee" else caller
    called = secure("callee") if who != "caller" else callee
    calling, answering = talk(calls, called)
    assert {each.transport for each in called.received} == {called.transport}
    assert rtpengine.holds(calling.call_id)
    hang_up(answering, calls)
    assert rtpengine.forgets(calling.call_id)


def test_a_sips_address_is_called_over_tls(secure: Callable[..., Client]) -> None:
    callee, caller = secure("callee", "sips"), secure("caller", "sips")
    calling = caller.invite(callee.uri.replace("sip:", "sips:"))
    invite = callee.receive_request("INVITE")
    assert str(invite.uri).startswith("sips:")
    # OpenSIPS says the same in another way
    routes = [messages.uri_of(each) for each in messages.values(invite, "Record-Route")]
    assert all(each.startswith("sips:") or ";transport=tls" in each for each in routes), routes
    called = Dialog.called(callee, invite)
    called.answer()
    calling.receive(200)
    calling.ack()
    callee.receive_request("ACK")
    hang_up(called, caller)


def test_a_client_without_the_authority_does_not_trust_the_proxy(
    secure: Callable[..., Client], proxy: Host, lab: Inventory
) -> None:
    port = int(proxy.variables["sip_proxy_tls_port"])
    with pytest.raises(ssl.SSLCertVerificationError):
        _certificate(lab, (proxy.address, port), ssl.create_default_context())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_an_old_version_of_tls_is_refused(
    secure: Callable[..., Client], proxy: Host, lab: Inventory, version: ssl.TLSVersion
) -> None:
    port = int(proxy.variables["sip_proxy_tls_port"])
    context = _trusting(lab)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.deprecated_call():
        context.minimum_version = context.maximum_version = version
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _certificate(lab, (proxy.address, port), context)


@pytest.mark.alone
def test_a_new_certificate_is_taken_without_a_restart(
    secure: Callable[..., Client], caller: Client, proxy: Host, lab: Inventory
) -> None:
    at = (proxy.address, int(proxy.variables["sip_proxy_tls_port"]))
    callee = secure("callee")
    watch = Watch(proxy)
    kept = _CERTIFICATE.format(watch.name)
    before = _certificate(lab, at, _trusting(lab))
    renewed = (
        f"cd $(dirname {kept}) && cp -p certificate.pem kept.pem && cp -p key.pem kept.key && "
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=renewed "
        f"-keyout privkey.pem -out fullchain.pem 2>&1 && RENEWED_LINEAGE=$PWD {_TAKE}"
    )
    back = (
        f"cd $(dirname {kept}) && mv kept.pem certificate.pem && mv kept.key key.pem && "
        f"rm privkey.pem fullchain.pem && {_TAKE}"
    )
    try:
        done = proxy.run(["sh", "-c", renewed])
        assert done.returncode == 0, done.stdout + done.stderr
        assert _certificate(lab, at, _trusting_anybody()) != before
    finally:
        assert proxy.run(["sh", "-c", back]).returncode == 0
    assert _certificate(lab, at, _trusting(lab)) == before
    watch.assert_same_processes()
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)


def _trusting(lab: Inventory) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=lab.first("clients").variables["client_authority"])


def _trusting_anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _certificate(lab: Inventory, at: tuple[str, int], context: ssl.SSLContext) -> bytes | None:
    """Return the certificate that a new connection is shown."""
    with (
        on(lab.first("clients"), lambda: socket.create_connection(at, timeout=5)) as plain,
        context.wrap_socket(plain, server_hostname=at[0]) as secured,
    ):
        return secured.getpeercert(binary_form=True)
