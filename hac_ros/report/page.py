"""The page: figures, tables and warnings in one HTML file that loads nothing from anywhere."""
import base64
import html
import io
import json
from pathlib import Path

from hac_ros import atomic_files
from hac_ros.diagnosis import Finding, Thresholds, diagnose
from hac_ros.report.figures import PLOTS, Plot
from hac_ros.report.outcomes import NUMBERS, WORDS, rows, table
from hac_ros.run_history import RunHistory

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22262c; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } p { margin: .4rem 0; }
img { max-width: 100%; border: 1px solid #e4e7eb; border-radius: 4px; }
table { border-collapse: collapse; font-size: .88rem; } td, th { padding: .2rem .7rem .2rem 0; text-align: left;
vertical-align: top; } th { border-bottom: 1px solid #ccd1d8; } td.number { font-variant-numeric: tabular-nums; }
.warning { border-left: 5px solid #d63a36; background: #fdf1f0; padding: .5rem .9rem; margin: .6rem 0; }
.well { border-left: 5px solid #1f9d57; background: #eefaf3; padding: .5rem .9rem; }
.small { color: #5b626c; font-size: .88rem; } code { background: #f2f4f7; padding: 0 .2rem; }
details { margin: .6rem 0; } summary { cursor: pointer; }
"""


def write(folder, runs: list[RunHistory], thresholds: Thresholds = Thresholds()) -> Path:
    """Write report.html and a PNG for each figure into ``folder``; return the page's path."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {plot.name: png(plot, runs) for plot in PLOTS}
    for name, data in pictures.items():
        atomic_files.write_bytes(folder / f'{name}.png', data)
    path = folder / 'report.html'
    atomic_files.write_bytes(path, page(runs, pictures, [diagnose(run, thresholds) for run in runs]).encode())
    return path


def png(plot: Plot, runs: list[RunHistory]) -> bytes:
    """Return a figure as PNG, the same bytes for the same runs."""
    file = io.BytesIO()
    plot.draw(runs).savefig(file, format='png', metadata={'Software': None})
    return file.getvalue()


def page(runs: list[RunHistory], pictures: dict[str, bytes], findings: list[list[Finding]]) -> str:
    """Return the page; ``pictures``: a PNG for each of PLOTS; ``findings``: of each run."""
    title = f'{runs[0].name}' if len(runs) == 1 else f'{len(runs)} runs'
    title = f'{title}: {", ".join(sorted({run.task.name for run in runs}))}'
    figures = ''.join(_figure(plot, pictures[plot.name]) for plot in PLOTS)
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f'<style>{STYLE}</style></head><body>\n<h1>{html.escape(title)}</h1>\n{_outcomes(runs)}\n'
            f'<h2 id="warnings">Warnings</h2>\n{_warnings(runs, findings)}\n{_several(runs)}{figures}\n'
            f'{_numbers(runs)}\n{_settings(runs)}\n</body></html>\n')


def _figure(plot: Plot, data: bytes) -> str:
    source = base64.b64encode(data).decode()
    return (f'<h2 id="{plot.name}">{html.escape(plot.title)}</h2>\n<p class="small">{html.escape(plot.words)}</p>\n'
            f'<img id="figure-{plot.name}" alt="{html.escape(plot.title)}" src="data:image/png;base64,{source}">\n')


def _outcomes(runs: list[RunHistory]) -> str:
    return table((*WORDS, *(number.title for number in NUMBERS)), rows(runs))


def _warnings(runs: list[RunHistory], findings: list[list[Finding]]) -> str:
    parts = [f'<div class="warning" data-kind="{found.kind}"><b>{html.escape(run.name)}.</b> {html.escape(found.text)}'
             f'<br><span class="small">{html.escape(found.advice)}</span></div>'
             for run, several in zip(runs, findings) for found in several]
    return '\n'.join(parts) or '<p class="well">Nothing is wrong by the rules of docs/report.md.</p>'


def _several(runs: list[RunHistory]) -> str:
    if len(runs) == 1:
        return ''
    return ('<p class="small">Curves are the median of the runs; the dotted line is the worst, the band the 95 % '
            'bootstrap interval of the median. A run that has ended keeps its last value. In the table median and worst '
            'are of each number by itself.</p>\n')


def _numbers(runs: list[RunHistory]) -> str:
    """Return the statistics of each run as tables, folded away."""
    parts = []
    for run in runs:
        if (held := run.statistics) is not None:
            lines = zip(held.names, held.units, *([f'{value:.4g}' for value in column[-1]] for column in
                                                  (held.mean, held.std, held.recent_mean, held.recent_std)))
            numbers = table(('dimension', 'unit', 'mean', 'std', 'recent mean', 'recent std'), lines)
            parts.append(f'<details><summary>Statistics of {html.escape(run.name)} after round {held.rounds[-1]}'
                         f'</summary>{numbers}</details>')
    return '\n'.join(parts)


def _settings(runs: list[RunHistory]) -> str:
    parts = ['<h2 id="settings">Settings and versions</h2>']
    for run in runs:
        start = run.config['starts'][-1]
        versions = ', '.join(f'{name} {version}' for name, version in start['versions'].items())
        settings = json.dumps(run.config['settings'], indent=1, sort_keys=True)
        parts.append(f'<p><b>{html.escape(run.name)}</b>: seed {run.seed}; {html.escape(versions)}; '
                     f'started {len(run.config["starts"])} time(s).</p><details><summary>All settings</summary>'
                     f'<pre>{html.escape(settings)}</pre></details>')
    return '\n'.join(parts)
