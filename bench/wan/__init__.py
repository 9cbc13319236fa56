"""The same loads across a WAN: generator and client on one host, responder and server on another.

``end`` runs on the hosts with nothing but the standard library; the rest drives it from here.
"""
