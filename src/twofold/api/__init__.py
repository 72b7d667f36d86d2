"""What stands behind the face: the table of public names, and the functions that are no ops."""
