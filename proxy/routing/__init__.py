"""Table to decision: match, sticky bucket, split, mirror sampling. Takes a key or a number, never draws one."""
