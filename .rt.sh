cd /tmp/nd/tests && PYTHONPATH=/tmp/nd/src:/tmp/nd/tests exec /work/wt/numpy/.venv/bin/python -m support.numpy_programs "$@"
