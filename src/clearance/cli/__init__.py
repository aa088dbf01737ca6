"""The command line: one file per room, over the same client as everybody else."""
