"""Shows the doctest of a docstring as an example, without a heading in every docstring."""

import griffe


def with_heading(text: str) -> str:
    """Put the paragraphs that start with ``>>>`` under a heading "Examples"."""
    paragraphs = text.split("\n\n")
    shown = []
    for paragraph in paragraphs:
        if paragraph.lstrip().startswith(">>>"):
            lines = ("    " + line for line in paragraph.splitlines())
            paragraph = "\n".join(["Examples:", *lines])
        shown.append(paragraph)
    return "\n\n".join(shown)


class DoctestExamples(griffe.Extension):
    """Rewrites docstrings as they are read."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: object) -> None:
        """Rewrite the docstring of one object."""
        del kwargs
        if obj.docstring is not None:
            obj.docstring.value = with_heading(obj.docstring.value)
