"""The page: all sections put into the template, and written at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from equiclust import __version__
from equiclust.argument_types import checks_types
from equiclust.io.run_folder import RunFolder
from equiclust.report.contents import Contents, read_contents
from equiclust.report.formatting import counted, is_number, shorten_path, shorten_paths
from equiclust.report.sections import SECTIONS
from equiclust.report.sections.findings import make_findings
from equiclust.report.sections.latent_map import bokeh_script
from equiclust.report.sections.summary import (
    make_bottleneck,
    make_headline,
    make_key_figures,
    make_notes,
)

__all__ = ["make_environment", "write_report"]


@checks_types
def write_report(run: RunFolder) -> Path:
    """Write the report of a run into its folder; an older report is replaced.

    The page is one file that loads nothing: pictures, figures and the script of the map are within
    it. The same folder gives the same bytes.

    Parameters
    ----------
    run : RunFolder
        Of a finished run. Only the catalogue and the latents are needed; sections whose files are
        missing say so.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        When the folder is not that of a finished run, or a file in it is damaged. An older report
        stays as it is.
    OutputError
        When the folder cannot be written, or the user has changed the report.

    Examples
    --------
    >>> import equiclust
    >>> import numpy as np
    >>> from equiclust.report import write_report
    >>> latents = np.repeat([[0.0, 0.0], [9.0, 0.0]], 20, axis=0)
    >>> np.save("latents.npy", latents + np.random.default_rng(0).normal(size=(40, 2)))
    >>> run = equiclust.run(latents="latents.npy", output="sorted", n_clusters=2, n_folds=2)
    >>> write_report(run.folder).name
    'report.html'
    """
    contents = read_contents(run)
    run.adopt_version_0_1(run.report_html)
    run.check_free(run.report_html)
    page = _render(contents)
    name = run.report_html.name
    with run.outputs.replaced([name]) as drafts:
        (drafts / name).write_text(page, encoding="utf-8", newline="\n")
    return run.report_html


def _render(contents: Contents) -> str:
    template = make_environment().get_template("page.html.j2")
    sections = [section for section in SECTIONS if not section.needs or section.needs(contents)]
    return template.render(
        version=__version__,
        contents=contents,
        headline=make_headline(contents),
        key_figures=make_key_figures(contents),
        findings=make_findings(contents),
        notes=make_notes(contents),
        bottleneck=make_bottleneck(contents),
        bokeh=Markup(bokeh_script()),
        sections=sections,
        words=contents.words,
        **{section.name: section.make(contents) for section in SECTIONS if section.make},
    )


def make_environment(package: str = "equiclust.report") -> Environment:
    """Jinja environment of the templates, with their filters; text is escaped.

    Parameters
    ----------
    package : str, default "equiclust.report"
        Whose folder ``templates`` is used.

    Returns
    -------
    jinja2.Environment
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A Bokeh document names a model where it first occurs, so its order must be kept.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    environment.filters |= {
        "counted": counted,
        "duration": _duration,
        "number": _number,
        "path": shorten_path,
        "prose": shorten_paths,
    }
    return environment


def _number(value: Any, style: str = "#.3g") -> str:
    return format(value, style).replace("e-0", "e-") if is_number(value) else "not recorded"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
