"""The equivariant autoencoder: estimator, training, objectives, augmentation, weights."""
