"""What does production say? Ingest, the lake of events, late labels."""
