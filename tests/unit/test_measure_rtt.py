from slowbye.measure.rtt import parse

_OUTPUT = """PING 198.18.2.1 (198.18.2.1) 56(84) bytes of data.
64 bytes from 198.18.2.1: icmp_seq=1 ttl=63 time=20.3 ms
64 bytes from 198.18.2.1: icmp_seq=2 ttl=63 time=20.12 ms
64 bytes from 198.18.2.1: icmp_seq=3 ttl=63 time=21 ms

--- 198.18.2.1 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 40ms
rtt min/avg/max/mdev = 20.120/20.473/21.000/0.380 ms
"""


def test_each_round_trip_is_read_and_the_statistics_are_not() -> None:
    assert parse(_OUTPUT) == [20.3, 20.12, 21.0]
