#!/usr/bin/env python3
"""usage: check_words.py SOURCE_FOLDER

Comments are read by people whose first language is not English: phrases that made them read a sentence twice do not come
back into the comments of src, models, tests and bench. Each phrase has a sample that it must find, so the test fails
when a pattern finds nothing any more."""
import os, re, sys

# pattern, a comment that it refuses, what to write
PHRASES = [
    (r'\bOf (?:them|these|those)\b[;,.:]', '// Of them; the rest streams in.', 'name the things: "parts of scratchpad_read"'),
    (r'(?<!as )\bso many\b(?! \w+ that\b)', '// Cycles a bin of a run of so many.', 'name the number: "of `run` cycles"'),
    (r'\blikewise\b', '// The same of the load; likewise of the store.', '"the same for ..."'),
    (r'^Who\b|\bwhoever\b', '// Who waits for the operands waits for a later job.', '"a job that ...", "the caller that ..."'),
    (r'\bbefore time starts\b', '// Masks are decided before time starts.', '"before the simulation starts"'),
    (r'\b(?:only )?of use (?:when|where|if)\b', '// The result is only of use when there are none.', '"is only useful if"'),
    (r'\bis none of an?\b', '// The file is none of an evaluation.', '"is not a ..."'),
    (r'\b[Ii]ssue \d+\b', '// Traffic as issue %d asks.' % 7, 'say here what it is about'),
]
FOLDERS = ('src', 'models', 'tests', 'bench')


def comments(text):
    """(line number, text) of each comment; the lines of one that goes on are joined."""
    found, last = [], -1
    for number, line in enumerate(text.split('\n'), 1):
        code = re.sub(r'"(?:\\.|[^"\\])*"', lambda m: '"' * len(m.group(0)), line)  # no // of a string
        at = code.find('//')
        if at < 0: continue
        words = line[at + 2:].strip()
        if last == number - 1 and not code[:at].strip():
            found[-1] = (found[-1][0], found[-1][1] + ' ' + words)
        else:
            found.append((number, words))
        last = number
    return found


def refused(text):
    for number, words in comments(text):
        for pattern, _, better in PHRASES:
            match = re.search(pattern, words, re.I if 'likewise' in pattern or 'whoever' in pattern else 0)
            if match: yield number, match.group(0).strip(), better


def main():
    bad = 0
    for pattern, sample, _ in PHRASES:
        if not list(refused(sample)):
            print(f'check_words.py: the phrase {pattern} does not find its sample: {sample}')
            bad += 1
    if list(refused('// as so many as fit; "Of a job", who waits\nf("// likewise");')):
        print('check_words.py: refuses a harmless text')
        bad += 1
    for folder in FOLDERS:
        for path, _, names in sorted(os.walk(os.path.join(sys.argv[1], folder))):
            for name in sorted(names):
                if not name.endswith(('.h', '.cpp', '.inc')): continue
                file = os.path.join(path, name)
                for number, words, better in refused(open(file, encoding='utf-8').read()):
                    print(f'{os.path.relpath(file, sys.argv[1])}:{number}: "{words}" is hard to read; write {better}')
                    bad += 1
    return bad > 0


sys.exit(main())
