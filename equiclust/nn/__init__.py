"""The layers and networks that know the group, in plain torch."""
