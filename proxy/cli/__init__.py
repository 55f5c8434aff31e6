"""The command line: one file a command.

main      the commands, their options and exit codes (typer)
client    the admin API as a command calls it
render    tables for a terminal
audit     `penumbra audit`
backtest  `penumbra backtest`
profile   `penumbra profile`
"""
