"""The ground floor: transactions, migrations, blobs, jobs."""
