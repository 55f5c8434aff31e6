"""Evidence to verdict to phase to table: pure functions."""
