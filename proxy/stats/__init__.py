"""Records and ticks to evidence: pure statistics, one door (`board`)."""
