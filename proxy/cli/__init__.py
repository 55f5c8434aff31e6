"""The command line: one file a command.

main        the commands, their options and exit codes (typer)
serve       `penumbra run`
exit_codes  the numbers that tell a caller how a command ended
access      where the admin API is, and what it is asked with: options
client      the admin API as a command calls it
wording     phrases that several commands print
render      tables for a terminal
audit       `penumbra audit`
backtest    `penumbra backtest`
replay      `penumbra replay`
profile     `penumbra profile`
"""
