"""The real tunnel between two hosts, while things go wrong.

Each test starts ``ngtunnel`` in network namespaces of its own, sends it 200 commands per second as
proxies do, and then does to it what happens to hosts and networks. What is said of every command
is when it was answered, how often, and with what.
"""
