"""Files as the field writes them, and what other software makes of them."""
