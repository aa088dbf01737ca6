"""Where do the bytes lie that MLflow's clients log? Under paths that name blobs."""
