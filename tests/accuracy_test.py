#!/usr/bin/env python3
"""usage: accuracy_test.py VITALITY SOURCE_FOLDER

scripts/reproduce-accuracy on forty-eight random images: it writes the page with every arm, each number from the training's result, and
started again it trains nothing and writes the same page."""
import glob, gzip, json, os, random, re, struct, subprocess, sys, tempfile

program, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
failures = []


def expect(holds, what):
    if not holds: failures.append(what)


def idx(path, shape, bytes):
    with gzip.open(path, 'wb') as file: file.write(struct.pack('>BBBB', 0, 0, 8, len(shape)) + struct.pack('>%dI' % len(shape), *shape) + bytes)


def reproduce(*words):
    return subprocess.run([sys.executable, source + '/scripts/reproduce-accuracy', *words], env=dict(os.environ, VITALITY=program), capture_output=True, text=True)


page_of_the_tree = open(source + '/docs/accuracy.md').read()
with tempfile.TemporaryDirectory() as folder:
    dice = random.Random(1)
    idx(folder + '/train-images-idx3-ubyte.gz', (48, 28, 28), bytes(dice.randrange(256) for _ in range(48 * 28 * 28)))
    idx(folder + '/train-labels-idx1-ubyte.gz', (48,), bytes(i % 10 for i in range(48)))
    words = ['--data', folder, '--work', folder + '/work', '--out', folder + '/page.md', '--seeds', '1', '--batch', '8', '--test-images', '16']
    run = reproduce(*words)
    expect(run.returncode == 0, 'exit %d: %s' % (run.returncode, run.stderr))
    page = open(folder + '/page.md').read() if run.returncode == 0 else ''
    # 32 training images in batches of 8 are 4 steps, fine-tuning takes half of them.
    for words_of_page in ('4 steps of 8 images', 'One pass over 32 training images', 'the last 16 images', 'trained on for 2 steps', 'Seeds: 1'):
        expect(words_of_page in page, 'the page does not say "%s"' % words_of_page)
    rows = [re.split(r' *\| *', line.strip('| ')) for line in page.splitlines() if line.startswith('|')]
    names = {'softmax': 'softmax', 'taylor': 'low rank only (Taylor)', 'sparse': 'sparse only, T = 0.02', **{'unified_' + t: 'unified, T = ' + t for t in ('0.002', '0.02', '0.5')}}
    trained = [arm for name in ('plain', 'unified') for arm in json.load(open('%s/work/%s.json' % (folder, name)))['training']['runs']] if page else []
    expect([arm['arm'] for arm in trained] == list(names), 'arms: %s' % [arm['arm'] for arm in trained])
    # A page of one seed: the accuracy is a share of the 16 test images.
    shares = {'%.2f' % (100 * k / 16) for k in range(17)}
    whole = {cells[0]: cells[1:] for cells in rows if len(cells) == 5}
    expect(set(names.values()) <= set(whole), 'rows: %s' % list(whole))
    expect([cells[0] for cells in rows if len(cells) == 3][2:] == [names[arm] for arm in ('taylor', 'unified_0.02', 'unified_0.5')], 'rows of fine-tuning')
    for name in names.values():
        for cell in whole.get(name, [])[:2]: expect(cell.split()[0] in shares, '%s is no share of 16 images' % cell)
    for arm in trained:
        for key, cell in zip(('accuracy', 'taylor_accuracy'), whole.get(names[arm['arm']], ['', ''])):
            expect(cell.startswith('%.2f' % (100 * arm[key]['mean'])), '%s of %s: %s' % (key, arm['arm'], cell))

    checkpoints = {path: os.path.getmtime(path) for path in glob.glob(os.path.join(folder, 'work', '*.checkpoint'))}
    expect(len(checkpoints) == 3, '%d checkpoints' % len(checkpoints))
    again = reproduce(*words)
    expect(again.returncode == 0 and open(folder + '/page.md').read() == page, 'started again it does not write the same page')
    none = reproduce('--data', folder + '/nowhere', '--out', folder + '/other.md')
    expect(none.returncode != 0 and folder + '/nowhere' in none.stderr and not os.path.exists(folder + '/other.md'), 'no data: exit %d' % none.returncode)
expect(open(source + '/docs/accuracy.md').read() == page_of_the_tree, 'the page of the tree has changed')
for failure in failures: print('failure: ' + failure)
sys.exit(1 if failures else 0)
