"""Stories: what is kept of each time under judgement beside its audit.

- `sketch`: how many different users there were
- `failed_legs`: requests that went wrong, with what each arm answered
- `archive`: the files
- `chronicle`: the stories under way
"""
