"""Text of senders and browsers for a log or a terminal: it cannot look like lines of their own. Pure."""


def printable(text: str) -> str:
    """Return a text with escapes, as in Python, for line breaks and all else that is not printable.

    A terminal would carry out escape sequences, and a forged line looks like any other.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
