"""The passes: one file each, ``name.py`` holds ``name(graph) -> Graph``. ``pipeline`` orders them."""
