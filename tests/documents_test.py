#!/usr/bin/env python3
"""usage: documents_test.py VITALITY SOURCE_FOLDER

The commands in the documents: each names a command and options that the program has, and those of fenced blocks run, in a folder that
has what a clone has at its top. What a block shows below a line that begins with `$` is what the command prints, in this order; a block
may leave lines out. The README's table of models has what `vitality list workloads` prints, of every model that is not for tests."""
import glob, os, re, shutil, subprocess, sys, tempfile

program, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
# Commands that are not run: a part of the command, and why.
NOT_RUN = [
    ('train --losses losses.csv', 'takes minutes'),
    ('t10k-images-idx3-ubyte.gz', 'needs a data set'),
    ('--kind linear', 'an example that is not built'),
    ('attention=linear', 'an example that is not built'),
    ('NAME', 'a name of the reader'),
    ('W.json', 'a file of the reader'),
    ('--sshloginfile', 'needs other computers'),
    ('out/{0,1,2', 'needs what the one before makes'),
]
if None in map(shutil.which, ('gnuplot', 'pdftocairo')) and not os.environ.get('VITALITY_NO_SKIP'): NOT_RUN.append((' --svg ', 'needs gnuplot and pdftocairo'))
PROGRAM = r'(?:\$v|(?:[\w./$-]*/)?vitality)'
failures, used = [], set()
options = {}


def fail(where, text): failures.append('%s: %s' % (where, text))


def has_options(where, words, whole):
    """The command and its options are the program's; in a whole command they have their values."""
    name = re.match(r'[a-z-]+$', words[0]) and words[0]
    if not name or words[0].startswith('-'): return
    if name not in options:
        listed = subprocess.run([program, name, '--list-options'], capture_output=True, text=True)
        options[name] = listed.returncode == 0 and dict(line.split('\t')[:2] for line in listed.stdout.splitlines())
    if options[name] is False: return fail(where, 'there is no command "%s"' % name)
    for word, following in zip(words[1:], words[2:] + ['--']):
        option = re.match(r'--[a-z0-9-]+', word)
        if not option or option.group() in ('--help', '--version'): continue
        if option.group() not in options[name]:
            fail(where, 'vitality %s has no option %s' % (name, option.group()))
        elif whole and options[name][option.group()] != '0' and option.group() == word and following.startswith('--'):
            fail(where, 'vitality %s %s lacks a value' % (name, word))


def commands_of(block):
    """(command, the lines shown below it or None) of a fenced block."""
    lines, found = block.splitlines(), []
    shown = any(line.startswith('$ ') for line in lines)
    i = 0
    while i < len(lines):
        line = lines[i]
        while line.endswith('\\') and i + 1 < len(lines):
            i += 1
            line = line[:-1] + ' ' + lines[i].strip()
        i += 1
        if not shown: found.append((line, None))
        elif line.startswith('$ '): found.append((line[2:], []))
        elif found: found[-1][1].append(line)
    return [(re.sub(r'\s+#\s.*$', '', line), output) for line, output in found]


def run(where, line, output, folder, settings):
    for part, reason in NOT_RUN:
        if part in line:
            used.add(part)
            return
    if re.match(r'[a-z]=\S+$', line):
        settings.append(line)
        return
    if not re.match(PROGRAM + ' ', line) and not re.match(r'(cmp|python3 -c|cat|seq|sed) ', line): return
    print('%s: %s' % (where, line), flush=True)
    script = '\n'.join(['set -euo pipefail', *settings, line])
    try:
        done = subprocess.run(['bash', '-c', script], cwd=folder, capture_output=True, text=True, timeout=240,
                              env=dict(os.environ, PATH=os.path.join(folder, 'build/release') + ':' + os.environ['PATH']))
    except subprocess.TimeoutExpired:
        return fail(where, 'takes more than 240 s: ' + line)
    if done.returncode != 0: return fail(where, 'exit %d: %s\n%s' % (done.returncode, line, done.stderr[-500:]))
    rest = iter(done.stdout.splitlines())
    for expected in output or []:
        if expected.strip() and not any(expected.rstrip() == printed.rstrip() for printed in rest):
            return fail(where, 'the document shows a line that %s does not print there:\n  %s' % (line, expected))


def walk(path):
    where = os.path.relpath(path, source)
    with open(path) as file: text = file.read()
    fenced = re.compile(r'^```([^\n]*)\n(.*?)^```', re.S | re.M)
    for span in re.findall(r'`vitality ([^`\n]+)`', fenced.sub('', text)): has_options(where, span.split(), False)
    with tempfile.TemporaryDirectory(prefix='vitality_documents_') as folder:
        for name in ('configs', 'workloads', 'tests', 'examples'): os.symlink(os.path.join(source, name), os.path.join(folder, name))
        os.makedirs(os.path.join(folder, 'build/release'))
        os.symlink(program, os.path.join(folder, 'build/release/vitality'))
        for name in 'QKV': shutil.copy(os.path.join(source, 'tests/golden/attention/n16_d16_normal', name + '.npy'), folder)
        shutil.copy(os.path.join(source, 'tests/golden/onnx/deit_op11.onnx'), os.path.join(folder, 'model.onnx'))
        settings, count = [], 0
        for kind, block in fenced.findall(text):
            if kind.startswith('json '):  # a file, by its name
                with open(os.path.join(folder, kind.split()[1]), 'w') as file: file.write(block)
            if kind.split()[:1] not in ([], ['sh'], ['bash']): continue
            for line, output in commands_of(block):
                for words in re.findall(r'(?:^|[\s|;(])"?%s"? ([^|;>&]+)' % PROGRAM, line): has_options(where, words.split(), True)
                run(where, line, output, folder, settings)
                count += 1
    return count


def models():
    printed = subprocess.run([program, 'list', 'workloads'], cwd=source, capture_output=True, text=True).stdout.splitlines()[1:]
    want = {name: (int(parameters), int(macs)) for name, _, parameters, macs, _ in (line.split(None, 4) for line in printed) if not name.startswith('tiny_')}
    with open(os.path.join(source, 'README.md')) as file: section = re.search(r'^## Models\n(.*?)^## ', file.read(), re.S | re.M)
    rows = re.findall(r'^\| (\w+) \| ([\d,]+) \| ([\d,]+) \|', section.group(1), re.M) if section else []
    found = {name: (int(parameters.replace(',', '')), int(macs.replace(',', ''))) for name, parameters, macs in rows}
    for name in sorted(set(want) | set(found)):
        if want.get(name) != found.get(name): fail('README.md', 'table of models: %s has %s, not %s' % (name, found.get(name), want.get(name)))
    if len(want) < 20: fail('README.md', 'only %d models listed' % len(want))


documents = [os.path.join(source, name) for name in ('README.md', 'CONTRIBUTING.md')]
documents += sorted(glob.glob(os.path.join(source, 'docs/**/*.md'), recursive=True) + glob.glob(os.path.join(source, 'examples/*.md')))
chosen = documents if len(sys.argv) < 4 else [path for path in documents if os.path.relpath(path, source) in sys.argv[3:]]
count = sum(walk(path) for path in chosen)
models()
for part, reason in NOT_RUN:
    if chosen is documents and part not in used: fail('tests/documents_test.py', 'no document has the command %r (%s)' % (part, reason))
if count < 20 and chosen is documents: fail('documents', 'only %d commands found' % count)
for failure in failures: print('FAILED ' + failure)
print('%d commands, %d failures' % (count, len(failures)))
sys.exit(1 if failures else 0)
