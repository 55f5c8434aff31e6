"""What was made of a head is found for whom it was made, and the forms of one head are bounded."""

from __future__ import annotations

from proxy.http1.rendered import MAX_RENDERED, Rendered, kept


def test_a_form_is_found_by_all_that_it_was_made_for() -> None:
    forms = kept(kept(None, 0, b"/base", b"h", b"one"), 1, b"", b"h", b"two")
    assert forms is not None
    assert (forms.find(0, b"/base", b"h"), forms.find(1, b"", b"h")) == (b"one", b"two")
    assert [forms.find(*key) for key in ((1, b"/base", b"h"), (0, b"", b"h"), (0, b"/base", b"i"))] == [None] * 3


def test_no_more_than_the_bound_are_kept() -> None:
    forms: Rendered | None = None
    for number in range(MAX_RENDERED + 3):
        forms = kept(forms, 0, b"", b"%d" % number, b"%d" % number)
    assert forms is not None and forms.size == MAX_RENDERED
    found = [forms.find(0, b"", b"%d" % number) for number in range(MAX_RENDERED + 3)]
    assert found == [*(b"%d" % number for number in range(MAX_RENDERED)), None, None, None]
