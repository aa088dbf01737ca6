"""What can be shown: reports that say of every fact where its evidence is."""
