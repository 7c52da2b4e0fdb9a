#!/usr/bin/env python3
"""usage: schema_test.py VITALITY SOURCE_FOLDER

Every file that ships agrees with the JSON Schema of its format. A file with a misspelt key or a value of a wrong type
is refused by `vitality validate` and by the schema; and the keys that a schema allows are keys that the reader knows."""
import copy, glob, json, os, shutil, subprocess, sys, tempfile

try:
    import jsonschema
except ImportError:
    print('skipped: python3-jsonschema is not installed')
    sys.exit(77)

program, source = os.path.abspath(sys.argv[1]), sys.argv[2]
FORMATS = {'config': 'configs/*.json', 'energy': 'configs/energy/*.json', 'memory': 'configs/memory/*.json',
           'sweep': 'configs/sweeps/*.json', 'workload': 'workloads/*.json', 'mapping': 'mappings/*.json'}
failures = []
# Changed files lie beside the originals' copies, so that the files that they name are found.
folder = tempfile.mkdtemp()
os.mkdir(os.path.join(folder, 'mappings'))
for part in ('configs', 'workloads'): shutil.copytree(os.path.join(source, part), os.path.join(folder, part))


def expect(holds, what):
    if not holds: failures.append(what)


def validator(what):
    printed = subprocess.run([program, 'schema', what], capture_output=True, text=True)
    expect(printed.returncode == 0, 'schema %s: exit %d' % (what, printed.returncode))
    schema = json.loads(printed.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema), schema


def complaints(documents):
    """What `vitality validate` says of each document, '' where it is in order; one call for many."""
    paths = []
    for i, (document, origin) in enumerate(documents):
        paths.append(os.path.join(os.path.dirname(origin), '.changed%d.json' % i))
        with open(paths[-1], 'w') as file: json.dump(document, file)
    run = subprocess.run([program, 'validate', *paths], capture_output=True, text=True, cwd=folder)
    for path in paths: os.remove(path)
    expect(run.returncode in (0, 2), 'validate: exit %d' % run.returncode)
    return ['' if path + ': OK' in run.stdout else ''.join(l for l in run.stderr.splitlines(True) if path in l) or '?'
            for path in paths]


def places(value, at=()):
    """Paths of all objects' members in a document."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield at + (key,)
            yield from places(member, at + (key,))
    elif isinstance(value, list):
        for i, member in enumerate(value): yield from places(member, at + (i,))


def changed(document, path, change):
    document = copy.deepcopy(document)
    holder = document
    for step in path[:-1]: holder = holder[step]
    change(holder, path[-1])
    return document


def misspell(holder, key): holder[key + 'z'] = holder.pop(key)
def retype(holder, key): holder[key] = {'no': 'such thing'} if not isinstance(holder[key], dict) else 7


def same_verdict(what, schema, mutants):
    """mutants: (document, the file it was, what was done to it). Both refuse it, or neither does."""
    for (document, _, how), said in zip(mutants, complaints([(d, o) for d, o, _ in mutants])):
        valid = schema.is_valid(document)
        # What only a reader knows (a name that another part of the file defines) the schema may let pass.
        if valid and said and ('unknown key' in said or 'expected a' in said or 'missing key' in said):
            expect(False, '%s: %s: the schema lets pass what validate refuses: %s' % (what, how, said.strip()[:200]))
        if not valid: expect(said != '', '%s: %s: validate lets pass what the schema refuses' % (what, how))


# Names that a file gives to its own things: any name is right there.
OWN_NAMES = {'config': ('sources',), 'energy': ('sources',), 'memory': ('sources',), 'workload': ('dims', 'blocks'), 'sweep': (), 'mapping': ('layers',)}

# No mapping ships: these have every form.
for name, more in (('small', []), ('columns', ['--set', 'matrix_engine.dataflow=output_stationary'])):
    subprocess.run([program, 'run', '--config', 'configs/vitality.json', '--workload', 'workloads/tiny_mobilevit.json',
                    '--numerics', 'off', '--quiet', '--mapping-out', os.path.join(folder, 'mappings', name + '.json'), *more],
                   cwd=folder, check=True)

for what, pattern in FORMATS.items():
    schema, text = validator(what)
    files = sorted(glob.glob(os.path.join(folder, pattern)))
    expect(files, '%s: no files' % what)
    mutants, tried = [], set()
    for path in files:
        document = json.load(open(path))
        for error in list(schema.iter_errors(document))[:3]:
            expect(False, '%s: %s: %s' % (path, '/'.join(map(str, error.absolute_path)), error.message[:200]))
        with_reference = dict({'$schema': 'https://example.org/%s.json' % what}, **document)
        expect(schema.is_valid(with_reference), path + ': with "$schema"')
        mutants.append((with_reference, path, 'with "$schema"'))
        for place in places(document):
            # Once for each key, by the names around it and the kind of layer it belongs to.
            kind = document
            for step in place[:-1]: kind = kind[step]
            trial = tuple(s for s in place if isinstance(s, str)) + (kind.get('kind') if isinstance(kind, dict) else '',)
            if trial in tried or not isinstance(place[-1], str): continue
            tried.add(trial)
            if len(place) < 2 or place[-2] not in OWN_NAMES[what]:
                mutants.append((changed(document, place, misspell), path, 'misspelt ' + '/'.join(map(str, place))))
            mutants.append((changed(document, place, retype), path, 'another type at ' + '/'.join(map(str, place))))
    print('%-9s %3d files, %4d changed ones' % (what, len(files), len(mutants)))
    expect(len(mutants) > 20, '%s: too few changed files' % what)
    for begin in range(0, len(mutants), 50): same_verdict(what, schema, mutants[begin:begin + 50])


def refused(what, base, path, change, how):
    """The reader knows the key: it complains of its value, not of the key."""
    said = complaints([(changed(base, path, change), os.path.join(folder, FORMATS[what]))])[0]
    expect(said != '' and 'unknown key' not in said, '%s: %s: %s' % (what, how, said.strip()[:200] or 'accepted'))


# The other way round: every key that the schema of a layer allows, with a value of no type that it could have.
schema, text = validator('workload')
tiny = {'name': 'x', 'image': {'height': 8, 'width': 8, 'channels': 3}, 'layers': []}
count = 0
for layer in text['$defs']['layer']['oneOf']:
    for key in layer['properties']:
        document = dict(tiny, layers=[{'name': 'a', 'kind': layer['properties']['kind']['const']}])
        refused('workload', document, ('layers', 0), lambda holder, i: holder[i].update({key: {'no': 'such thing'}}), key)
        count += 1
expect(count > 60, 'only %d keys of layers' % count)

shutil.rmtree(folder)
for failure in failures[:20]: print(failure)
print('%d failures' % len(failures))
sys.exit(1 if failures else 0)
