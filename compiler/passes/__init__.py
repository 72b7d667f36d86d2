"""The passes: ``name.py`` holds ``name(graph) -> Graph``; ``pipeline`` lists them in order."""
