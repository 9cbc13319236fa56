"""SIP clients that place real calls with real media and time every transaction."""
