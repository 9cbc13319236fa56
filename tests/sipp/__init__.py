"""SIPp, a client that nobody here wrote, through the lab's proxy."""
