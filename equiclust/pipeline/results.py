"""`Run`: the results of a finished run, and what can be done with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from equiclust.argument_types import checks_types
from equiclust.io.locks import exclusive
from equiclust.io.run_folder import RunFolder
from equiclust.io.staging import recover
from equiclust.pipeline.inputs import Inputs
from equiclust.pipeline.run_search import RunSearch
from equiclust.pipeline.sky_results import SkyResults
from equiclust.progress import Progress, start_stage
from equiclust.typing import PathLike

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import Quantity

    from equiclust.app import Explorer
    from equiclust.pipeline.model_certificate import ModelCertificate
    from equiclust.pipeline.teaching import LabelInputs

__all__ = ["Run", "open_run"]


@checks_types
def open_run(folder: PathLike) -> Run:
    """Open the folder of a finished run.

    Parameters
    ----------
    folder : str or path
        Folder that `equiclust.run` or ``equiclust run`` wrote.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        When the folder holds no run, or one that is not finished.

    Examples
    --------
    >>> import equiclust
    >>> from ensembles.recipes import Recipe
    >>> images, truth = equiclust.simulate_shapes(
    ...     40, size=32, classes=("star", "bar"), random_state=0
    ... )
    >>> quick = Recipe().with_(encoder="own", size=32, n_folds=2, max_epochs=1, perceptual=0)
    >>> run = equiclust.run(images, "sorted", recipe=quick, n_clusters=2, n_jobs=1)
    >>> equiclust.open_run("sorted").labels.shape
    (40,)
    """
    return Run(RunFolder.open(Path(folder).expanduser()))


class Run(RunSearch, SkyResults):
    """Results of a finished run; get one from `equiclust.run` or `equiclust.open_run`.

    What lies on disk is read when it is first asked for.

    Parameters
    ----------
    folder : RunFolder
        Of a finished run.

    Attributes
    ----------
    folder : RunFolder
        Path of every file of the run.

    Examples
    --------
    >>> import equiclust
    >>> from ensembles.recipes import Recipe
    >>> images, truth = equiclust.simulate_shapes(
    ...     40, size=32, classes=("star", "bar"), random_state=0
    ... )
    >>> quick = Recipe().with_(encoder="own", size=32, n_folds=2, max_epochs=1, perceptual=0)
    >>> run = equiclust.run(images, "sorted", recipe=quick, n_clusters=2, n_jobs=1)
    >>> run.labels.shape, run.catalogue.colnames[:3]
    ((40,), ['id', 'path', 'label'])
    >>> print(run.similar(images[:1], n=1)["id", "similar"])
         id       similar
    ----------- -----------
    shape_00000 shape_00015
    >>> len(run.suggest(5))
    5
    """

    def predict(
        self,
        inputs: Inputs,
        *,
        output: PathLike | None = None,
        axes: str | None = None,
        max_memory: str = "auto",
        latents: bool = False,
        scheduler: str | None = None,
        on_progress: Progress | None = None,
    ) -> Table:
        """Sort new images into the clusters of the run; nothing is fitted.

        Parameters
        ----------
        inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them
            Files, folders or globs, or images in memory.
        output : str or path, optional
            File to write the catalogue to: .ecsv, .fits, .vot, .csv or .parquet. Rejected inputs
            are listed beside it, in a file that ends in ``.rejected.ecsv``.
        axes : str, optional
            Letters for the axes of NumPy, TIFF and Zarr arrays, such as "nhwc"; by default those
            that the run was given.
        max_memory : str, default "auto"
            Memory that the process may take, such as "2GB"; "auto" sets no limit. Images are read
            some at a time, and only the catalogue must fit.
        latents : bool, default False
            Whether the catalogue has a column `latent`, as in `Run.latents`; not for .csv.
        scheduler : str, optional
            Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers encode the
            images; this process reads and labels them.
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        astropy.table.Table
            Catalogue with the columns of `catalogue`, without `agreement_held_out`.

        Raises
        ------
        InputError
            When no input can be used.
        OutputError
            When the output exists and is not a catalogue, or cannot be written.

        Warns
        -----
        EquiclustWarning
            When inputs are rejected.
        """
        from equiclust.pipeline.prediction import predict_catalogue

        return predict_catalogue(
            self,
            inputs,
            output=output,
            axes=axes,
            max_memory=max_memory,
            latents=latents,
            scheduler=scheduler,
            on_progress=on_progress,
        ).catalogue

    def suggest(
        self,
        n: int = 30,
        *,
        labels: LabelInputs | None = None,
        output: PathLike | None = None,
    ) -> Table:
        """Choose the images whose labels tell most about the others.

        Parameters
        ----------
        n : int, default 30
            Number of images.
        labels : mapping of str to str, path-like, or sequence of path-like, optional
            Labels that are there already, for a further round.
        output : str or path, optional
            CSV file to write, to be filled in.

        Returns
        -------
        astropy.table.Table
            Columns `id`, `path` and `kind`, the last empty.

        Raises
        ------
        InputError
            When `n` is below 1, labels cannot be used, or all images are labelled.
        OutputError
            When the output holds something else, or was filled in.
        """
        from equiclust.pipeline.teaching import suggest_images

        return suggest_images(self, n, labels=labels, output=output)

    def teach(
        self,
        labels: LabelInputs | Table,
        *,
        kind_column: str | None = None,
        radius: str | Quantity | None = None,
        output: PathLike | None = None,
        on_progress: Progress | None = None,
    ) -> Run:
        """Learn kinds from the labels of a few images.

        Parameters
        ----------
        labels : mapping of str to str, path-like, sequence of path-like, or Table
            Kinds by id, or files with the columns `id` and `kind`. With `kind_column` one table of
            any origin, or its file.
        kind_column : str, optional
            Column of that table with the kinds.
        radius : str or astropy.units.Quantity, optional
            How far an image and a row of that table may be apart on the sky, such as "1arcsec"; by
            default they belong together by their ids.
        output : str or path, optional
            Folder to write; by default beside that of the run, with ``_taught`` at its end.
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        Run
            Its catalogue has the columns `kind`, `probability` and one for every kind, and its
            metrics an entry `teaching` with the accuracy.

        Raises
        ------
        InputError
            When the labels cannot be used, or name no two kinds.
        OutputError
            When the folder cannot be written, or holds something else.

        Warns
        -----
        EquiclustWarning
            When labels contradict each other, or name images that the run has not.
        """
        from equiclust.pipeline.table_labels import labels_of
        from equiclust.pipeline.teaching import teach_run

        path = self.path.resolve()
        target = path.with_name(f"{path.name}_taught") if output is None else output
        given = labels_of(self, labels, kind_column, radius)
        taught = Run(teach_run(self, given, target, on_progress=on_progress))
        if not taught.folder.report_html.is_file():
            taught.report(on_progress=on_progress)
        return taught

    def check(
        self, inputs: Inputs | None = None, *, on_progress: Progress | None = None
    ) -> ModelCertificate:
        """Measure how much latents and labels change when images are rotated or mirrored.

        The certificate in the folder, and its summary in `metrics.json`, are replaced.

        Parameters
        ----------
        inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them, optional
            Images to rotate; default those of the run.
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        ModelCertificate
            `certificate.passed` says whether quarter turns and mirrors change nothing.

        Raises
        ------
        InputError
            When the images of the run are no longer where they were, or no input can be used.
        OutputError
            When the user has changed one of these files, or another process uses the run.
        """
        from equiclust.pipeline.model_certificate import certify_run

        with self._held():
            certified = certify_run(self.folder, self.model, inputs, on_progress=on_progress)
        self.__dict__.pop("metrics", None)
        return certified

    def report(self, *, on_progress: Progress | None = None) -> Path:
        """Write the HTML report, over an older one.

        Parameters
        ----------
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        Path
            Of the report, one file that loads nothing from elsewhere.

        Raises
        ------
        InputError
            When a file of the run is missing or damaged.
        OutputError
            When the user has changed the report, or another process uses the run.
        """
        from equiclust.report import write_report

        start_stage(on_progress, "report")
        with self._held():
            return write_report(self.folder)

    def explore(
        self,
        *,
        labels: PathLike | None = None,
        compare: PathLike | None = None,
        port: int = 0,
    ) -> Explorer:
        """Show the run in the web application, to look at images and to label them.

        Parameters
        ----------
        labels : str or path, optional
            CSV file of the labels; default ``labels.csv`` in the folder of the run.
        compare : str or path, optional
            Folder of a second run of the same images, to see what differs.
        port : int, default 0
            Port on 127.0.0.1; 0 = any that is free.

        Returns
        -------
        Explorer
            It answers in a thread of its own until `Explorer.stop`. A notebook shows the page as
            the value of a cell; `Explorer.url` is its address.

        Raises
        ------
        InputError
            When the file of labels or the other run cannot be read, or the port is taken.

        Examples
        --------
        >>> import equiclust
        >>> from ensembles.recipes import Recipe
        >>> images, truth = equiclust.simulate_shapes(
        ...     40, size=32, classes=("star", "bar"), random_state=0
        ... )
        >>> quick = Recipe().with_(encoder="own", size=32, n_folds=2, max_epochs=1, perceptual=0)
        >>> run = equiclust.run(images, "sorted", recipe=quick, n_clusters=2, n_jobs=1)
        >>> explorer = run.explore()
        >>> explorer.url
        'http://127.0.0.1:...'
        >>> explorer.stop()
        """
        from equiclust.app import explore

        return explore(self.path, labels=labels, compare=compare).start(port=port)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep other processes away while a file of the run is replaced."""
        with exclusive(self.path):
            recover(self.path)
            yield
