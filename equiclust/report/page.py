"""The page: everything that was worked out, put into the template and written at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from equiclust import __version__
from equiclust.io.atomic import atomic_path
from equiclust.io.run_folder import RunFolder
from equiclust.report.cluster_choice import make_choice
from equiclust.report.confidence_section import make_confidence, unassigned_words
from equiclust.report.confounder_section import make_confounders
from equiclust.report.consensus_section import make_consensus
from equiclust.report.contents import Contents, read_contents
from equiclust.report.findings import make_findings
from equiclust.report.gallery import make_gallery
from equiclust.report.invariance_section import InvarianceSection, make_invariance
from equiclust.report.latent_map import bokeh_script, latent_map
from equiclust.report.provenance import make_provenance, shown_path, shown_text
from equiclust.report.quantities import counted, is_number
from equiclust.report.reconstructions import make_reconstructions
from equiclust.report.summary import bottleneck, headline, key_figures, notes
from equiclust.report.training_curves import make_training

__all__ = ["write_report"]

_MOST_REJECTED = 500


def write_report(run: RunFolder) -> Path:
    """Write the report of a run into its folder, over the one that was there.

    The page is one file that loads nothing: pictures, figures and the script of the map are within
    it. The same folder gives the same bytes.

    Parameters
    ----------
    run : RunFolder
        Of a finished run. Catalogue and latents must be there; sections without their files say so.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        When the folder is not that of a finished run, or a file in it is damaged.
    OutputError
        When the folder cannot be written.
    """
    page = _render(read_contents(run))
    with atomic_path(run.report_html) as draft:
        draft.write_text(page, encoding="utf-8", newline="\n")
    return run.report_html


def _render(contents: Contents) -> str:
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            version=__version__,
            headline=headline(contents),
            figures=key_figures(contents),
            findings=make_findings(contents),
            notes=notes(contents),
            map=latent_map(contents),
            bokeh=Markup(bokeh_script()),
            gallery=make_gallery(contents),
            reconstructions=make_reconstructions(contents),
            scores=contents.section("reconstruction"),
            training=make_training(contents),
            choice=make_choice(contents),
            confidence=make_confidence(contents),
            unassigned=unassigned_words(contents),
            consensus=make_consensus(contents),
            invariance=_invariance(contents),
            certificate=contents.certificate,
            confounders=make_confounders(contents),
            bottleneck=bottleneck(contents),
            rejected=contents.rejected[:_MOST_REJECTED],
            n_rejected=len(contents.rejected),
            provenance=make_provenance(contents),
            n_images=len(contents.ids),
            n_clusters=len(contents.cluster_labels),
            n_folds=contents.n_folds,
            is_one_family=contents.is_one_family,
        )
    )


def _invariance(contents: Contents) -> InvarianceSection | None:
    if contents.certificate is None:
        return None
    return make_invariance(contents.certificate, has_labels=bool(contents.cluster_labels))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("equiclust.report"),
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
        "path": shown_path,
        "prose": shown_text,
    }
    return environment


def _number(value: Any, style: str = "#.3g") -> str:
    """A number, or in words that there is none."""
    return format(value, style).replace("e-0", "e-") if is_number(value) else "not recorded"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
