"""The proxies get their certificates from an ACME server that runs beside the lab's clients."""
