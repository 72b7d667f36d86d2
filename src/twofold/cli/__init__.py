"""The command line ``twofold``: compare, dump, run, ops. click and rich are imported only here."""
