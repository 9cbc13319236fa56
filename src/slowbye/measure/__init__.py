"""What happened on the wire and in the journals; nothing here changes a machine's configuration."""
