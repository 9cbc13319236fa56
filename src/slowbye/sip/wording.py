"""Why a transaction failed, in words."""

from slowbye.sip.transactions import Exchange


def explain(exchange: Exchange, interrupted: bool) -> str:
    """Say why an exchange failed; empty when it succeeded.

    Args:
        exchange: a finished exchange.
        interrupted: the batch was interrupted, which is why a missing response was not waited for.
    """
    method = exchange.measured.method
    if exchange.succeeded:
        return ""
    if exchange.response is not None:
        return f"{method}: {exchange.response.code} {exchange.response.phrase}"
    waited = f"{exchange.measured.ms / 1000:.1f} s"
    if exchange.lost:
        return f"{method}: the connection to the proxy was lost after {waited}"
    if interrupted:
        return f"{method}: interrupted after {waited}"
    if exchange.proceeding:
        return f"{method}: only a provisional response within {waited}, given up"
    return f"{method}: no response within {waited}"
