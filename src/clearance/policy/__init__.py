"""What must be true? Packs of rules, facts, decisions, approvals, waivers."""
