"""Images and maps that other packages hold in memory: what they are, and their pixels by section.

`kinds` decides what an object is, by the names of its classes, so that no package is imported for
objects that nobody has; `held_maps` reads arrays with coordinates, and `inputs` counts objects
among the inputs of `data_adapters.read`.
"""
