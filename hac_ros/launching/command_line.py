"""How an attribute that holds a command line is split, by the rules of ``launch``."""
import shlex

from hac_ros.launching import substitutions
from hac_ros.launching.substitutions import Context


def split(text: str, context: Context) -> tuple[str, ...]:
    """Return the words of ``text``; what a substitution gives is never split. Raises SubstitutionError."""
    words, fresh = [], True
    for piece in _pieces(text, context):
        if piece is None:
            fresh = True
        elif fresh:
            words.append(piece)
            fresh = False
        else:
            words[-1] += piece
    return tuple(words)


def _pieces(text: str, context: Context):
    """Yield pieces of words, with None where a new word begins."""
    for part in substitutions.parse(text):
        if isinstance(part, str):
            yield from _text_pieces(part)
        else:
            yield substitutions.perform((part,), context)


def _text_pieces(text: str) -> list[str | None]:
    pieces = [piece for word in shlex.split(text) for piece in (word, None)][:-1]
    return [None] * text[:1].isspace() + pieces + [None] * text[-1:].isspace()
