"""The torture test messages of RFC 4475 as data, and what becomes of them: README.md."""
