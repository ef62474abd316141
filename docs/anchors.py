"""Anchors of headings."""


def as_in_jupyter(heading: str) -> str:
    """Return the anchor that JupyterLab gives a heading, so that links of lessons work in both.

    >>> as_in_jupyter("Why is my grad None?")
    'Why-is-my-grad-None?'
    """
    return heading.replace(" ", "-")
