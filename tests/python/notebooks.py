#!/usr/bin/env python3
"""usage: notebooks.py VITALITY SOURCE_FOLDER

Every notebook of examples/notebooks runs from its first cell to its last, leaves nothing behind, and is kept without outputs. Exit
77 = skipped: a package of Debian's is missing (an error where VITALITY_NO_SKIP is set)."""
import glob, os, shutil, sys, tempfile

program, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
missing = []
for module, package in (('pandas', 'python3-pandas'), ('nbformat', 'python3-nbformat'), ('nbclient', 'python3-nbclient'),
                        ('ipykernel', 'python3-ipykernel')):
    try:
        __import__(module)
    except ImportError:
        missing.append(package)
if shutil.which('gnuplot') is None: missing.append('gnuplot-nox')
if shutil.which('pdftocairo') is None: missing.append('poppler-utils')
if missing:
    print('SKIPPED: not installed:', ' '.join(missing))
    sys.exit(1 if os.environ.get('VITALITY_NO_SKIP') else 77)
import nbclient, nbformat

failed = 0
files = sorted(glob.glob(os.path.join(source, 'examples/notebooks/*.ipynb')))
for path in files:
    name = os.path.relpath(path, source)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    if any(cell.outputs or cell.execution_count for cell in cells):
        print(f'{name}: has outputs; clear them, so that nobody reads what an older program printed')
        failed += 1
    with tempfile.TemporaryDirectory(prefix='vitality_notebooks_') as folder:
        for place in ('home', 'work', 'tmp'): os.mkdir(os.path.join(folder, place))
        os.environ.update(VITALITY=program, PYTHONPATH=os.path.join(source, 'src/python'), PYTHONDONTWRITEBYTECODE='1',
                          HOME=os.path.join(folder, 'home'), TMPDIR=os.path.join(folder, 'tmp'))
        try:
            nbclient.NotebookClient(notebook, timeout=None, kernel_name='python3', resources={'metadata': {'path': os.path.join(folder, 'work')}}).execute()
        except nbclient.exceptions.CellExecutionError as error:
            print(f'{name}: {error}')
            failed += 1
            continue
        left = os.listdir(os.path.join(folder, 'work')) + os.listdir(os.path.join(folder, 'tmp'))
        if left:
            print(f'{name}: left behind: {left}')
            failed += 1
        shown = [output for cell in cells for output in cell.outputs]
        if not any('image/svg+xml' in output.get('data', {}) for output in shown):
            print(f'{name}: shows no figure')
            failed += 1
        print(f'{name}: {len(cells)} cells, {len(shown)} outputs')
sys.exit(0 if files and not failed else 1)
