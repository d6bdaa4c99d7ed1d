"""What no file of this repository does, and how long and how documented functions are: read from the syntax tree."""
import ast
from pathlib import Path

FORBIDDEN_MODULES = {'pickle': 'runs code when it is read', 'dill': 'runs code when it is read',
                     'joblib': 'pickles', 'shelve': 'pickles', 'marshal': 'is no format for files',
                     'unittest.mock': 'tests the mock', 'mock': 'tests the mock'}
FORBIDDEN_CALLS = {'eval': 'runs text', 'exec': 'runs text', 'torch.load': 'unpickles', 'torch.save': 'pickles',
                   'os.system': 'runs a shell', 'os.popen': 'runs a shell', 'yaml.load': 'makes objects: use safe_load',
                   'time.sleep': 'waits for a time, not for evidence'}
FORBIDDEN_KEYWORDS = {'shell': 'runs a shell', 'allow_pickle': 'unpickles'}
LONGEST = 60   # [lines] of a function


def forbidden(source: str) -> list[tuple[int, str]]:
    """Return (line, sentence) for each forbidden import or call in ``source``."""
    tree = ast.parse(source)
    names, found = {}, []
    for node in ast.walk(tree):
        for local, whole in _imported(node):
            names[local] = whole
            found += [(node.lineno, f'{module}: {why}') for module, why in FORBIDDEN_MODULES.items()
                      if f'{whole}.'.startswith(f'{module}.')]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += [(node.lineno, text) for text in _in_call(node, names)]
    return sorted(set(found))


def _imported(node) -> list[tuple[str, str]]:
    if isinstance(node, ast.Import):
        return [(alias.asname or alias.name, alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [(alias.asname or alias.name, f'{node.module}.{alias.name}') for alias in node.names]
    return []


def _in_call(call: ast.Call, names: dict[str, str]) -> list[str]:
    first, dot, rest = ast.unparse(call.func).partition('.')
    called = names.get(first, first) + dot + rest
    found = [f'{called}: {FORBIDDEN_CALLS[called]}'] if called in FORBIDDEN_CALLS else []
    return found + [f'{word.arg}: {FORBIDDEN_KEYWORDS[word.arg]}' for word in call.keywords
                    if word.arg in FORBIDDEN_KEYWORDS and ast.unparse(word.value) != 'False']


def undocumented(source: str) -> list[str]:
    """Return the public module, classes and functions without docstring.

    A method is documented, too, where a class of the same module documents one of its name: an interface is
    described once.
    """
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else ['module']
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    described = {item.name for owner in classes for item in owner.body
                 if _is_function(item) and ast.get_docstring(item)}
    for node in tree.body:
        if (_is_function(node) or node in classes) and _is_public(node) and not ast.get_docstring(node):
            found.append(node.name)
    for owner in filter(_is_public, classes):
        found += [f'{owner.name}.{item.name}' for item in owner.body if _is_function(item) and _is_public(item)
                  and not ast.get_docstring(item) and item.name not in described]
    return found


def long_functions(source: str, longest: int = LONGEST) -> list[str]:
    """Return 'name: n lines' for each function of more than ``longest`` lines."""
    functions = [node for node in ast.walk(ast.parse(source)) if _is_function(node)]
    lengths = [(node.name, node.end_lineno - node.lineno + 1) for node in functions]
    return [f'{name}: {lines} lines' for name, lines in lengths if lines > longest]


def _is_function(node) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def _is_public(node) -> bool:
    return not node.name.startswith('_')


def found_in(paths, check) -> list[str]:
    """Return what ``check(source)`` finds in each of the files, with the file before it."""
    return [f'{path}: {item}' for path in paths for item in check(Path(path).read_text(encoding='utf-8'))]
