"""`hac`: one verb, one module. Verbs are imported when they are used, so that `hac --help` is quick."""
import argparse
import importlib
import signal
import sys

from hac_ros.environment import as_far_as_read

# verb -> (module with run(arguments) -> exit status, what it does)
VERBS = {
    'train': ('hac_ros.cli.train', 'train both levels on a task'),
    'evaluate': ('hac_ros.cli.evaluate', 'measure a trained bundle'),
    'view': ('hac_ros.cli.view', 'watch a run in the browser while it trains'),
    'report': ('hac_ros.cli.report', 'make a page of figures and warnings from runs'),
    'render': ('hac_ros.cli.render', 'film a bundle, its subgoals drawn in the scene'),
    'launch': ('hac_ros.cli.launch', 'run one of the launch files'),
    'statistics': ('hac_ros.cli.statistics', 'freeze, save, load or reset the statistics of a run'),
    'deploy': ('hac_ros.cli.deploy', 'drive a Fetch, emulated or real, with a bundle'),
    'bench': ('hac_ros.cli.bench', 'measure throughput and latency'),
    'doctor': ('hac_ros.cli.doctor', 'tell what is there, what is missing and how to mend it'),
}
USAGE_ERROR = 2


class Refused(ValueError):
    """What was asked for cannot be done; the text says why and what to do instead."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, as all of ours."""

    def error(self, message: str):
        """Raise Refused."""
        raise Refused(f'{message}; `{self.prog} --help` tells what is accepted')


def main(argv=None) -> int:
    """Run the verb that ``argv`` names and return the exit status; 2 with one line for what is refused."""
    return as_far_as_read(lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(words: list[str]) -> int:
    verb = words[0] if words and words[0] in VERBS else None
    try:
        if verb is None:
            _parser().parse_args(words or ['--help'])   # prints help and exits, or refuses
        return importlib.import_module(VERBS[verb][0]).run(words[1:])
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f'hac {verb}: {error}' if verb else f'hac: {error}', file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog='hac', formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='verbs:\n' + ''.join(f'  {verb:<11}{text}\n' for verb, (_, text) in VERBS.items()) +
               '\n`hac VERB --help` tells what a verb accepts.')
    parser.add_argument('verb', choices=VERBS, metavar='verb')
    return parser
