"""twofold as a backend of Keras 3: the names that Keras expects of one, and the way in.

``seam.py`` brings Keras up on these modules; the other modules hold what Keras's ``ops`` functions
call, under the names and with the signatures of those functions. They are loaded by the seam, in
the midst of Keras's own import, since they use its dtype rules and scopes.
"""
