"""PostgreSQL as a target, with or without TimescaleDB."""
