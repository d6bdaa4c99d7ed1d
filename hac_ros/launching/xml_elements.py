"""XML with line numbers, so that a refusal can name its place."""
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat


class LaunchFileError(ValueError):
    """A launch file that cannot be read, or asks for what is not supported; the text names file and line."""


@dataclass
class Element:
    """One tag."""

    tag: str
    attributes: dict[str, str]
    file: Path
    line: int
    children: list['Element'] = field(default_factory=list)

    @property
    def place(self) -> str:
        """File and line, to begin a message with."""
        return f'{self.file}:{self.line}'

    def error(self, text: str) -> LaunchFileError:
        """Return an error that names this tag's place."""
        return LaunchFileError(f'{self.place}: <{self.tag}>: {text}')

    def only(self, tag: str) -> list['Element']:
        """Return the children called ``tag``, in order."""
        return [child for child in self.children if child.tag == tag]


def read(path: str | Path) -> Element:
    """Return the root element of the file at ``path``. Raises LaunchFileError."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LaunchFileError(f'{path}: cannot be read: {error.strerror}') from error
    builder = _Builder(path)
    try:
        return builder.build(content)
    except expat.ExpatError as error:
        raise LaunchFileError(f'{path}:{error.lineno}: not XML: {expat.errors.messages[error.code]}') from error


class _Builder:

    def __init__(self, path: Path):
        self.path, self.root, self.open = path, None, []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._start, self._end
        self.parser.CharacterDataHandler = self._text

    def build(self, content: bytes) -> Element:
        self.parser.Parse(content, True)
        return self.root

    def _start(self, tag, attributes):
        element = Element(tag, attributes, self.path, self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def _end(self, _tag):
        self.open.pop()

    def _text(self, text):
        if text.strip():
            raise self.open[-1].error(f'text is not supported: {text.strip()[:40]!r}')
