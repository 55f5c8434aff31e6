"""`penumbra top`: the status page's figures, live, in a terminal.

Documents of the admin API become lines, and keys move through them, without a terminal, a socket or a clock; a thin
shell asks, reads keys and paints.

- `texts`: texts from elsewhere, made harmless and as wide as a column
- `documents`: what is read of the API's answers
- `figures`: rates, evidence, and figures in few characters
- `tables`: cells to lines of one width
- `all_routes`, `one_route`: documents to lines
- `keys`: bytes of a terminal to keys
- `screen`: what is shown, and what a key changes of it
- `looking`: the calls
- `terminal`: the terminal itself
- `live`: all of it together
"""
