"""twofold: eager NumPy-like tensors, and the same code compiled."""
