"""The passes: ``name.py`` holds the pass ``name``; ``pipeline`` lists them in order."""
