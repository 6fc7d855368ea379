"""Reading: bytes to text, pages to linearised text, folders to documents."""
