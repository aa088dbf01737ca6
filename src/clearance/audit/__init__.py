"""What can nobody deny? A Merkle log of every change, with signed checkpoints and proofs."""
