"""The APIs of language models and their kin, as OpenAI, Anthropic and servers like theirs publish them: whole or
streamed, as JSON or as forms. `language` has the
readers of each."""

from __future__ import annotations

from proxy.contracts.identity import IDENTITY_FIELDS, bounded
from proxy.contracts.observation import Text
from proxy.payload import sse
from proxy.payload.errors import refuse_errors
from proxy.payload.language import forms, media, prompts
from proxy.payload.language.answers import FORMS, read_document, said_by
from proxy.payload.language.said import refuse_silence
from proxy.payload.language.stream import StreamReader
from proxy.payload.language.usual import usual_completion, usual_request
from proxy.payload.pictures.found import of_files
from proxy.payload.reading import Body, Content, Unreadable, fields_of


def read_request(body: Body) -> Content:
    """Features of a request that can drift. Raises Unreadable."""
    if forms.is_form(body):
        form = forms.form_of(body)
        body.asked = bounded(form.fields.get("model", ""))
        return Content((forms.features_of_form(form), *of_files(form.files)))
    if (usual := usual_request(body)) is not None:
        return usual
    fields = fields_of(body.json())
    body.asked = bounded(str(fields.get("model") or ""))
    return Content(prompts.read(fields, body.data))


def read_response(body: Body) -> Content:
    """Text, tools and usage of an answer, or the vectors of embeddings, or ranks. Raises Unreadable."""
    if sse.is_stream(body):
        return read_stream(body)
    whole = body.data.startswith(b"{")
    if (usual := usual_completion(body)) is not None:
        return usual
    if not whole and media.is_sound(body):
        raise Unreadable("form")
    if not whole and (text := media.transcript(body)) is not None:
        refuse_silence(bool(text), "")
        return said_by({}, Text(text))
    document = body.json()
    refuse_errors(document, FORMS)
    body.identify(document, IDENTITY_FIELDS["openai"])
    return read_document(document, body)


def read_stream(body: Body) -> Content:
    """The same of a stream. Raises Unreadable."""
    return CompletionStream.whole(body).content()


class CompletionStream(StreamReader):
    """A streamed answer of this protocol."""

    __slots__ = ()

    def content(self) -> Content:
        """Text, tools, usage, and what can drift. Raises Unreadable."""
        text, usage = self.read()
        return said_by({}, text, usage)
