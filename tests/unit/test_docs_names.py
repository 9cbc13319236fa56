"""The same call of another lab on another day reads the same."""

from sipmessage import Message

from slowbye.docs.names import Names

INVITE = (
    "INVITE sip:callee-{callee}@198.18.{sip}.1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.18.{clients}.1:{port};rport;branch=z9hG4bK{branch}\r\n"
    "Record-Route: <sip:198.18.{sip}.1;lr;ftag={tag}>\r\n"
    "From: <sip:caller-{caller}@198.18.{sip}.1>;tag={tag}\r\n"
    "To: <sip:callee-{callee}@198.18.{sip}.1>\r\n"
    "Call-ID: {call_id}\r\n"
    "CSeq: 1 INVITE\r\n"
    "Contact: <sip:caller-{caller}@198.18.{clients}.1:{port};alias=198.18.{clients}.1~{port}~1>\r\n"
    "\r\n"
    "m=audio {media} RTP/AVP 0\r\n"
)
ONE = INVITE.format(
    callee="00aa11bb22", caller="33cc44dd55", sip=1, clients=3, port=23111, branch="77f0",
    tag="9d2e", call_id="c0ffee-a1.calls", media=23112,
)  # fmt: skip
OTHER = INVITE.format(
    callee="99ff88ee77", caller="0123456789", sip=97, clients=99, port=28999, branch="1e5",
    tag="ab1", call_id="beef-77.calls", media=29000,
)  # fmt: skip


def named(text: str, sender: str = "caller") -> list[str]:
    names = Names()
    names.learn(Message.parse(text.encode()), sender)
    return [names.apply(line, sender) for line in text.splitlines() if line]


def test_two_labs_on_two_days_read_the_same() -> None:
    assert named(ONE) == named(OTHER)


def test_a_value_has_one_name_wherever_it_stands() -> None:
    text = "\n".join(named(ONE))
    assert "Record-Route: <sip:198.18.1.1;lr;ftag=caller-1>" in text
    assert "From: <sip:caller@198.18.1.1>;tag=caller-1" in text
    assert "alias=198.18.3.1~41000~1" in text
    assert "198.18.3.1:41000;rport;branch=z9hG4bK-caller-1" in text


def test_media_ports_are_named_too_and_ports_of_sip_stay() -> None:
    assert "m=audio 41001 RTP/AVP 0" in named(ONE)
    assert "<sip:198.18.1.1:5060>" in named(ONE.replace("198.18.1.1;lr", "198.18.1.1:5060>;"))[2]


def test_what_the_proxy_names_in_an_sdp_is_a_port_of_rtpengine() -> None:
    assert named(ONE, "proxy")[-1] == "m=audio 30000 RTP/AVP 0"


def test_a_second_call_has_another_name() -> None:
    names = Names()
    for text, expected in ((ONE, "Call-ID: call1"), (OTHER, "Call-ID: call2")):
        names.learn(Message.parse(text.encode()), "caller")
        call_id = next(line for line in text.splitlines() if line.startswith("Call-ID"))
        assert names.apply(call_id, "caller") == expected


def test_a_home_behind_nat_is_the_first_lab_s_and_other_private_nets_stay() -> None:
    line = "Contact: <sip:phone@192.168.206.10:5062>, <sip:edge@192.168.1.7:5060>"
    named = Names().apply(line, "phone")
    assert "192.168.200.10" in named
    assert "192.168.1.7:5060" in named


def test_a_connection_s_number_is_chance() -> None:
    via = "Via: SIP/2.0/UDP 198.18.1.1;branch=z9hG4bKx;i={}"
    assert Names().apply(via.format("5"), "proxy") == Names().apply(via.format("a3f"), "proxy")
