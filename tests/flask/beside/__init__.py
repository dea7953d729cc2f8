"""The whole application with its seats on Valkey and its ledger in a SQLite file."""
