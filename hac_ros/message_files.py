"""What msg/*.msg and srv/*.srv say, comments included: rosidl drops those from the Python classes."""
import re
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r'(?P<type>[\w/]+(?:\[\d*\])?)\s+(?P<name>\w+)\s*(?:=\s*(?P<value>[^#]*?))?'
                    r'\s*(?:#\s*(?P<comment>.*))?')


@dataclass(frozen=True)
class Entry:
    """One field, or one constant: ``value`` is empty for a field."""

    type: str
    name: str
    value: str
    comment: str


@dataclass(frozen=True)
class MessageFile:
    """One message: ``comment`` is the text above its first entry; its first words say who publishes it, and when.

    Of a service, ``fields`` are the request's, ``response`` those of its answer; None for a message.
    """

    name: str
    comment: str
    constants: tuple[Entry, ...]
    fields: tuple[Entry, ...]
    response: tuple[Entry, ...] | None = None


def read(path: Path) -> MessageFile:
    """Return what the file at ``path`` says; raises ValueError, naming file and line, for one that is no entry."""
    above, entries, request = [], [], None
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        line = line.strip()
        if line.startswith('#'):
            if entries:
                raise ValueError(f'{path.name}:{number}: a comment came below an entry; put it behind the entry')
            above.append(line.lstrip('# '))
        elif line == '---' and path.suffix == '.srv' and request is None:
            request, entries = entries, []
        elif line:
            entries.append(_entry(path, number, line))
    fields, response = (entries, None) if path.suffix == '.msg' else (request or [], tuple(entries))
    return MessageFile(path.stem, ' '.join(above), tuple(e for e in fields if e.value),
                       tuple(e for e in fields if not e.value), response)


def _entry(path: Path, number: int, line: str) -> Entry:
    match = _ENTRY.fullmatch(line)
    if match is None:
        raise ValueError(f'{path.name}:{number}: {line!r} came, "type name  # comment" is wanted')
    return Entry(*(match[group] or '' for group in ('type', 'name', 'value', 'comment')))
