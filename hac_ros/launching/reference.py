"""The arguments of the launch files as a table for docs/launch.md: ``python -m hac_ros.launching.reference [FILE]``.

Without FILE prints the tables; with it rewrites the part of that document between the markers.
"""
import re
import sys
from pathlib import Path

from hac_ros.launching import launch_file, supported_tags
from hac_ros.launching.substitutions import share_folder

BEGIN, END = '<!-- generated: python -m hac_ros.launching.reference docs/launch.md -->', '<!-- end of generated -->'


def reference() -> str:
    """Return the tables of all launch files that start something, as Markdown."""
    paths = sorted((share_folder('hac_ros') / 'launch').glob('*.launch.xml'))
    return '\n'.join(_section(path) for path in paths if _starts_something(path))


def _starts_something(path: Path) -> bool:
    root = supported_tags.load(path)
    return any(child.tag in ('node', 'group') for child in root.children)


def _section(path: Path) -> str:
    rows = [_row(argument) for argument in launch_file.arguments(path).values()]
    return '\n'.join([f'### {path.name}', '', '| Argument | Default | Meaning |', '|---|---|---|', *rows, ''])


def _row(argument: launch_file.Argument) -> str:
    default = 'must be given' if argument.default is None else f'`{argument.default}`'
    choices = f': {", ".join(f"`{choice}`" for choice in argument.choices)}' if argument.choices else ''
    return f'| `{argument.name}` | {default} | {argument.description}{choices} |'


def updated(document: str) -> str:
    """Return ``document`` with its generated part made anew; raises ValueError if the markers are missing."""
    pattern = re.compile(f'{re.escape(BEGIN)}.*?{re.escape(END)}', re.DOTALL)
    if not pattern.search(document):
        raise ValueError(f'the document lacks the lines {BEGIN} and {END}')
    return pattern.sub(lambda _: f'{BEGIN}\n\n{reference()}\n{END}', document)


def main(argv: list[str]) -> None:
    """Print the tables, or update the document that ``argv`` names."""
    if not argv:
        print(reference())
        return
    path = Path(argv[0])
    path.write_text(updated(path.read_text()))


if __name__ == '__main__':
    main(sys.argv[1:])
