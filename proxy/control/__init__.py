"""Control: the single writer of release state, statistics, admin API, metrics."""
