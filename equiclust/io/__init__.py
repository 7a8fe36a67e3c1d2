"""Results on disk: atomic files, fitted estimators, catalogues, run folders."""
