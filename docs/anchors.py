"""Anchors of headings."""


def as_in_jupyter(heading: str) -> str:
    """The anchor of a heading as JupyterLab makes it, for the links of the lessons to work in both.

    >>> as_in_jupyter("Why is my grad None?")
    'Why-is-my-grad-None?'
    """
    return heading.replace(" ", "-")
