#!/usr/bin/env python3
"""usage: protocol_probe.py SOURCE_FOLDER BUILD_FOLDER

Compiles tests/probes/protocols.cpp with the flags of models/chunk.cpp and demands an error in each line that says "refused", and in no other
line of it. Syntax only; nothing is built."""
import json, os, re, shlex, subprocess, sys

source, build = (os.path.realpath(p) for p in sys.argv[1:3])
probe = os.path.join(source, 'tests/probes/protocols.cpp')
entry = next(e for e in json.load(open(build + '/compile_commands.json'))
             if os.path.realpath(os.path.join(e['directory'], e['file'])) == os.path.join(source, 'models/chunk.cpp'))
words = [w for w in shlex.split(entry['command']) if not w.endswith('ccache') and w not in ('-c', '-Werror')]
at = words.index('-o')
del words[at:at + 2]
words = [probe if os.path.realpath(os.path.join(entry['directory'], w)) == os.path.join(source, 'models/chunk.cpp') else w for w in words]
text = subprocess.run(words + ['-fsyntax-only', '-fmax-errors=0' if 'clang' not in words[0] else '-ferror-limit=0'], cwd=entry['directory'],
                      capture_output=True, text=True).stderr
errors = {int(m.group(1)) for m in re.finditer(r'protocols\.cpp:(\d+):\d+: error:', text)}
lines = open(probe).read().splitlines()
refused = {i + 1 for i, line in enumerate(lines) if line.endswith('// refused')}
elsewhere = [line for line in text.splitlines() if re.search(r': (fatal )?error:', line) and 'protocols.cpp' not in line]
for line in sorted(refused - errors): print('the compiler accepts line %d: %s' % (line, lines[line - 1].strip()))
for line in sorted(errors - refused): print('the compiler refuses line %d: %s' % (line, lines[line - 1].strip()))
for line in elsewhere: print(line)
print('%d of %d bindings refused' % (len(refused & errors), len(refused)))
sys.exit(1 if refused != errors or elsewhere or not refused else 0)
