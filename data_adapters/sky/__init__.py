"""Maps and cubes of the sky: header, sections, masks, moments, tiling."""
