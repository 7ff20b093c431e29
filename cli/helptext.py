"""The form of every command's help: a title of at most 50 characters, a paragraph, and one or two examples."""


def examples(*lines: str) -> str:
    """Return the epilog of a command's help: its examples, each on a line of its own."""
    # \b keeps click from folding the lines into a paragraph.
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])
