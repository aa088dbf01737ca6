"""What runs inside other people's programs: event schema, recorder, verified loading."""
