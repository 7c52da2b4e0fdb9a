#!/usr/bin/env python3
"""usage: run.py VITALITY SOURCE_FOLDER [PATTERN]

The tests of the Python package (test_*.py beside this file, or those that match PATTERN) against a built program. Exit 77 =
skipped: a package of Debian's is missing (an error where VITALITY_NO_SKIP is set)."""
import os, sys, tempfile, unittest

sys.dont_write_bytecode = True
os.environ['PYTHONDONTWRITEBYTECODE'] = '1'
os.environ['VITALITY'] = os.path.abspath(sys.argv[1])
os.environ['VITALITY_SOURCE'] = source = os.path.abspath(sys.argv[2])
package = os.path.join(source, 'src', 'python')
os.environ['PYTHONPATH'] = package
sys.path.insert(0, package)

try:
    import pandas  # noqa: F401
except ImportError:
    print('SKIPPED: python3-pandas is not installed')
    sys.exit(1 if os.environ.get('VITALITY_NO_SKIP') else 77)

# Everything temporary stands in one folder, so that the end shows what was left behind.
with tempfile.TemporaryDirectory(prefix='vitality_python_') as folder:
    os.environ['TMPDIR'] = tempfile.tempdir = folder
    suite = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)), sys.argv[3] if len(sys.argv) > 3 else 'test_*.py')
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    left = os.listdir(folder)
if left: print('left behind:', left)
sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 and not left else 1)
