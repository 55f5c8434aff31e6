"""State that survives a restart of control.

store               live states and the audit chain in SQLite
patient_store       the same in a thread, with an end to the patience for a disk that hangs
ledger              the write-behind queue in front of it: what must be on disk, and what is not yet
evidence_snapshots  the evidence of what is under judgement, and the counts of its stage
"""
