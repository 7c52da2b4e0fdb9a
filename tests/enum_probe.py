#!/usr/bin/env python3
"""usage: enum_probe.py SOURCE_FOLDER BUILD_FOLDER [ENUM]

Adds an enumerator to each of the enums that variants are rows of, in a copy of the sources, and demands that the compiler names the places
that must learn of it, by -Wswitch. A `default:` that
swallows it, or a table that lost its switch, lowers the count. Syntax only; nothing is built."""
import concurrent.futures, json, os, re, shlex, shutil, subprocess, sys, tempfile

# enum: (header, places that must be named at least). Raise the number when a place is added.
ENUMS = {
    'Precision': ('src/tensor/precision.h', 4),
    'AttentionKind': ('src/workload/attention_kind.h', 6),
    'MachineKind': ('src/config/machine_traits.h', 4),
    'UnitKind': ('src/schedule/unit_kinds.h', 3),  # what it is called, what it is in a machine, which class of models/ it is
    'JobKind': ('src/schedule/job_kinds.h', 5),
    'OperatorRole': ('src/schedule/operator_roles.h', 2),
    'ActivationKind': ('src/workload/model.h', 3),
    'DramModel': ('src/config/hardware_config.h', 1),
    'CostModel': ('src/config/hardware_config.h', 2),
    'SamplerKind': ('src/explore/sampler.h', 1),
}
source, build = (os.path.realpath(p) for p in sys.argv[1:3])
only = sys.argv[3:] or list(ENUMS)
commands = {}
for entry in json.load(open(build + '/compile_commands.json')):
    commands[os.path.realpath(os.path.join(entry['directory'], entry['file']))] = entry

folder = tempfile.mkdtemp(prefix='enum_probe.')
try:
    for room in ('src', 'models'):
        shutil.copytree(os.path.join(source, room), os.path.join(folder, room))
    for name in only:
        path = os.path.join(folder, ENUMS[name][0])
        text = open(path).read()
        # The last enumerator may have a comment behind it: the comma goes in front of the comment.
        body = re.search(r'enum class %s\b[^{;]*\{(.*?)\};' % name, text, re.S)
        if not body: sys.exit('enum_probe: no enum %s in %s' % (name, ENUMS[name][0]))
        inner = body.group(1)
        code = re.sub(r'//[^\n]*', lambda m: ' ' * len(m.group(0)), inner)
        end = len(code.rstrip().rstrip(','))
        inner = inner[:end] + ', kProbe' + name + inner[end:].replace(',', ' ', 1)
        text = text[:body.start(1)] + inner + text[body.end(1):]
        open(path, 'w').write(text)

    def check(file):
        entry = commands.get(os.path.join(source, file))
        if entry is None: return ''
        words = [w for w in shlex.split(entry['command']) if not w.endswith('ccache') and not w.startswith('-O')]
        at = words.index('-o')
        del words[at:at + 2]
        words = [os.path.join(folder, file) if os.path.realpath(os.path.join(entry['directory'], w)) == os.path.join(source, file) else w
                 for w in words if w not in ('-c', '-Werror')]
        # The copy's headers before the sources' own.
        words[1:1] = ['-I' + folder, '-I' + folder + '/src']
        return subprocess.run(words + ['-fsyntax-only', '-Wswitch'], cwd=entry['directory'], capture_output=True, text=True).stderr

    # Files with switches of their own; headers speak through whoever includes them.
    files = [os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs if f.endswith('.cpp')]
    files = [f for f in files if re.search(r'\bswitch \(', open(os.path.join(folder, f)).read())]
    places = {name: set() for name in only}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(check, sorted(files)):
            for line in text.splitlines():
                m = re.match(r'(.*?):(\d+):\d+: (warning|error): (.*)', line)
                if not m: continue
                where = os.path.relpath(m.group(1), folder) + ':' + m.group(2)
                hit = re.search(r'enumeration value .*kProbe(\w+)', m.group(4))
                if hit: places[hit.group(1)].add(where)
                elif m.group(3) == 'error': sys.exit('enum_probe: ' + line)
finally:
    shutil.rmtree(folder)
bad = 0
for name in only:
    short = len(places[name]) < ENUMS[name][1]
    bad += short
    print('%-15s %2d places, at least %d%s: %s' % (name, len(places[name]), ENUMS[name][1], '  TOO FEW' if short else '', ' '.join(sorted(places[name]))))
sys.exit(1 if bad else 0)
