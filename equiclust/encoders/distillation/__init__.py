"""How the weights of `equiclust.nn.small_alexnet` were learned, and how to learn them again."""
