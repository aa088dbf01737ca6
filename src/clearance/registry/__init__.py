"""What do we govern? Models, versions, artifacts, datasets, lineage."""
