"""Which stored bytes are kept, and for whom: uploads on their way, promises, and what nobody needs any more."""
