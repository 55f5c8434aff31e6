"""Stories: what is kept of each time under judgement beside its audit.

- `sketch`: how many different users there were
- `failed_legs`: requests that went wrong, with what each arm answered
- `archive`: the files
- `chronicle`: the stories under way
- `troubles`: warnings with their times
- `told`: what is kept, as documents tell it
- `requests_page`: what is kept of the requests, as parts of a page
- `page`: a whole story as one page of HTML
"""
