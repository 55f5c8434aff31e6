"""Sidecars that share one split and one verdict.

store           the port: five calls, whatever engine is behind them
memory_store    the port in memory, for simulations
redis_store     the port in Redis or Valkey; alone imports the client library, which is an extra
redis_scripts   what Redis does at once
address         where the store is
counts          what a sidecar has counted, cumulative; differences and sums
"""
