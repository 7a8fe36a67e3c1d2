"""Foreign files in, `equiclust.images.ImageSet` out."""
