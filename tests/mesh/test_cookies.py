"""Two proxies that make the same cookie each get their own reply from one rtpengine.

rtpengine tells commands apart by their cookie alone, and proxies make cookies of a process id and a
counter: two whose hosts booted alike make the same ones.
"""

from slowbye.hosts import Host, Inventory
from slowbye.ng.codec import Body, encode_command

_COOKIE = "1234_7"
_EXCHANGE = """
import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(2)
asking.connect((sys.argv[1], int(sys.argv[2])))
asking.send(sys.argv[3].encode())
print(asking.recv(65536).decode())
"""
_SDP = """v=0
o=- 1 1 IN IP4 192.0.2.1
s={name}
c=IN IP4 192.0.2.1
t=0 0
m=audio 40000 RTP/AVP 8
""".replace("\n", "\r\n")


def test_the_same_cookie_from_two_proxies_makes_two_calls(lab: Inventory) -> None:
    proxies = lab.group("sip")[:2]
    replies = [_offer(proxy, proxy.name) for proxy in proxies]
    for proxy, reply in zip(proxies, replies, strict=True):
        assert reply[0].startswith(f"{_COOKIE} d"), reply
        assert f"s={proxy.name}" in reply, f"{proxy.name} got another's reply: {reply}"


def test_the_same_cookie_from_one_proxy_is_one_command(lab: Inventory) -> None:
    proxy = lab.first("sip")
    assert _offer(proxy, "first") == _offer(proxy, "second"), "the second was carried out"


def _offer(proxy: Host, name: str) -> list[str]:
    """Offer a call to the first media host, by the proxy host's own tunnel; return the reply."""
    sets = {each["name"]: each["nodes"] for each in proxy.variables["sip_proxy_rtpengine_sets"]}
    address, _, port = sets["ngtunnel"][0].removeprefix("udp:").rpartition(":")
    offer: Body = {"call-id": f"{name}@cookies", "from-tag": "a", "sdp": _SDP.format(name=name)}
    command = encode_command(_COOKIE, "offer", offer).decode()
    done = proxy.run(["python3", "-c", _EXCHANGE, address, port, command])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
