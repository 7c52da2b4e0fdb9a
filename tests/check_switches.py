#!/usr/bin/env python3
"""usage: check_switches.py SOURCE_FOLDER

No `default:` in a switch over an enum of ours: it would swallow a new enumerator that the compiler would name."""
import os, re, sys

bad = 0
for room in ('src', 'models'):
    for folder, _, files in os.walk(os.path.join(sys.argv[1], room)):
        for name in sorted(files):
            if not name.endswith(('.h', '.cpp', '.inc')): continue
            path = os.path.join(folder, name)
            text = re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"', lambda m: ' ' * len(m.group(0)), open(path).read())
            switches = []  # of the open braces: the labels seen in a switch's own block; None: another block
            for token in re.finditer(r"\bswitch\s*\([^{]*\{|\{|\}|\bcase\s+([^:]+(?:::[^:]+)*):(?!:)|\bdefault\s*:", text):
                word = token.group(0)
                if word.startswith('switch'): switches.append([])
                elif word == '{': switches.append(None)
                elif word == '}': switches and switches.pop()
                elif not switches or switches[-1] is None: continue
                else: switches[-1].append(word)
                labels = switches[-1] if switches else None
                if labels and any(w.startswith('default') for w in labels) and any(re.search(r'\bk[A-Z]', w) for w in labels):
                    print('%s:%d: `default:` in a switch over an enum' % (path, text.count('\n', 0, token.start()) + 1))
                    bad += 1
                    labels.clear()
sys.exit(1 if bad else 0)
