#!/usr/bin/env python3
"""usage: check_functions.py SOURCE_FOLDER

No function of src and models is longer than 60 lines or has more than 6 parameters, unless a comment right above it
says why: `// Over 60 lines: ...`, `// More than 6 parameters: ...`. Of the parameters a file may say it once, for all
of its functions, in the comment that it opens with."""
import os, re, sys

MOST_LINES, MOST_PARAMETERS = 60, 6
NO_FUNCTION = re.compile(r'^\s*(?:(?:inline|constexpr|static|export)\s+)*(?:namespace|struct|class|enum|union|extern)\b')


def without_texts(source):
    """The same number of lines and characters, but no comments and no strings."""
    blank = lambda match: re.sub(r'[^\n]', ' ', match.group(0))
    return re.sub(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', blank, source, flags=re.S)


def closing(text, at, pair):
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == pair[0]) - (text[i] == pair[1])
        if depth == 0: return i
    return len(text)


def parameters(text):
    """How many commas of a parameter list stand outside of all brackets."""
    depth, count = 0, 1
    for c in text:
        depth += (c in '<([{') - (c in '>)]}')
        count += c == ',' and depth == 0
    return count if text.strip() else 0


def functions(text):
    """(first line's offset, parameters, end's offset) of each function with a body, lambdas left to the function around."""
    at = begin = 0
    while at < len(text):
        c = text[at]
        if c in ';}' or (c == ':' and re.search(r'\b(?:public|protected|private)\s*$', text[begin:at])):
            begin = at + 1
        elif c == '#' and not text[text.rfind('\n', 0, at) + 1:at].strip():
            while True:  # a directive, with its continued lines
                at = text.find('\n', at)
                if at < 0: return
                if text[at - 1] != '\\': break
                at += 1
            begin = at + 1
        elif c == '{':
            head = text[begin:at]
            paren = head.find('(')
            named = paren > 0 and re.search(r'[\w>\])=!<+*/&|-]\s*$', head[:paren]) and not NO_FUNCTION.match(head)
            initialiser = re.search(r'=\s*$', head) and 'operator' not in head
            if named and not initialiser:
                # A constructor's braces may belong to its member initialisers.
                end = closing(text, at, '{}')
                follows = re.match(r'\s*[,{]', text[end + 1:])
                if re.search(r'\)\s*(?:noexcept\s*)?:', head) and follows:
                    at = end + 1 if text[end + 1:].lstrip()[0] == ',' else end + 1 + text[end + 1:].index('{') - 1
                    at += 1
                    if text[at - 1:at] == ',' or text[at:at + 1] != '{': continue
                    end = closing(text, at, '{}')
                operator_call = re.search(r'operator\s*\(\s*\)\s*\(', head)
                open_ = begin + (operator_call.end() - 1 if operator_call else paren)
                first = begin + len(head) - len(head.lstrip())
                yield first, parameters(text[open_ + 1:closing(text, open_, '()')]), end
                at = end
                begin = at + 1
            elif initialiser or not NO_FUNCTION.match(head):
                at = closing(text, at, '{}')  # a value in braces
            else:
                begin = at + 1  # a namespace or a class: look inside
        at += 1


def reasons(lines, first):
    """The comment right above line `first` (from 0)."""
    comment = []
    while first > 0 and lines[first - 1].lstrip().startswith('//'):
        first -= 1
        comment.insert(0, lines[first].strip().lstrip('/ '))
    return ' '.join(comment)


def main():
    bad = seen = 0
    for room in ('src', 'models'):
        for folder, _, files in os.walk(os.path.join(sys.argv[1], room)):
            for name in sorted(files):
                if not name.endswith(('.h', '.cpp', '.inc')): continue
                path = os.path.join(folder, name)
                source = open(path).read()
                lines, text = source.split('\n'), without_texts(source)
                opening = reasons(lines, next(i for i, line in enumerate(lines) if not line.startswith('//')))
                for begin, count, end in functions(text):
                    seen += 1
                    first = text.count('\n', 0, begin)
                    length = text.count('\n', begin, end) + 1
                    why = reasons(lines, first)
                    where = '%s:%d: %s' % (path, first + 1, lines[first].strip()[:70])
                    if length > MOST_LINES and 'Over %d lines:' % MOST_LINES not in why:
                        bad += 1
                        print('%s: %d lines' % (where, length))
                    if count > MOST_PARAMETERS and 'More than %d parameters:' % MOST_PARAMETERS not in why + opening:
                        bad += 1
                        print('%s: %d parameters' % (where, count))
    print('%d functions, %d too long or with too many parameters' % (seen, bad))
    if seen < 2000: print('too few functions seen'), sys.exit(1)
    sys.exit(1 if bad else 0)


main()
