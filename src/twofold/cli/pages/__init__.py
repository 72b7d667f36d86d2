"""The pages of the documentation that are written from the registry of ops: ``twofold docs``."""
