"""`equiclust explore`: the web application."""

from __future__ import annotations

from typing import Annotated

from equiclust.cli.parser import RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["explore"]


def explore(
    session: Session,
    run: RunPath,
    *,
    port: Annotated[int, "N"] = 0,
    browser: bool = True,
    labels: Annotated[str | None, "LABELS.csv"] = None,
    compare: Annotated[str | None, "RUN"] = None,
    data: Annotated[str | None, "MAP.fits"] = None,
) -> Outcome:
    """Look at the images of a run, label them, and watch it train, in the browser.

    Shows the map of all images, their pictures and clusters; name kinds and label images by keys,
    and the kinds of all others follow. Labels are written at once to labels.csv in the folder of
    the run, which `equiclust teach` takes. A run in progress shows its training; a label map of
    `equiclust segment` is shown over its data. Only this machine can reach the page, and only by
    the address that is printed; nothing is fetched from elsewhere. Ctrl-C ends it.

    Parameters
    ----------
    run
        Folder of a run, finished or in progress, or a label map that ends in .fits.
    port
        Port on 127.0.0.1; 0 takes any that is free.
    browser
        Open the page in the browser.
    labels
        CSV file of the labels; by default labels.csv in the folder of the run.
    compare
        Folder of a second run of the same images, to see what differs.
    data
        The map that a label map was made of, where it is not any more where it was.

    Examples
    --------
    equiclust explore sorted
    """
    import os
    import webbrowser

    from equiclust.app import explore as open_explorer

    # A run may come from somebody else, and name a network whose weights are elsewhere.
    os.environ.setdefault("EQUICLUST_OFFLINE", "1")

    explorer = open_explorer(run, labels=labels, compare=compare, data=data)

    def started(url: str) -> None:
        session.show(f"equiclust explore: {url}\nCtrl-C ends it.")
        if browser:
            webbrowser.open(explorer.make_browser_url())

    try:
        explorer.serve(port=port, on_start=started)
    except KeyboardInterrupt:
        explorer.stop()
    where = None if explorer.run is None else str(explorer.run.labels.path)
    text = "ended" if where is None else f"ended; labels are in {where}"
    return Outcome({"run": run, "labels": where}, text)
