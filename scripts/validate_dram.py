"""Mixed read/write streams against public DRAM simulators: a section of scripts/validate-model."""
import json


def trace(kind, requests):
    """The requests of tests/support/dram_traces.h: the same generator in Python."""
    state = 1

    def draw():
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return state >> 33

    far = 64 << 20
    for i in range(requests):
        write = kind == 'seq_write' or (kind == 'alternate' and i % 2 == 1)
        if '50_50' in kind:
            write = draw() % 2 == 0
        if '67_33' in kind:
            write = draw() % 3 == 0
        address = 64 * i
        if kind.startswith('random'):
            address = 64 * (draw() % (1 << 22))
        if kind == 'stride_8k':
            address = 8192 * i
        if kind == 'two_streams':
            write = i % 2 == 1
            address = 64 * (i // 2) + (far if write else 0)
        if kind == 'copy_4k':
            write = i // 64 % 2 == 1
            address = 64 * (i // 128 * 64 + i % 64) + (far if write else 0)
        yield 'W' if write else 'R', address


def section(note, table, number, missed, replay):
    """replay(requests, *overrides) -> JSON of `vitality dram`."""
    with open('tests/golden/dram/public_simulators.json') as file:
        golden = json.load(file)
    note('### Mixed streams against public simulators')
    note()
    note(golden['about'] + ' The traces: one stream of reads, of writes, of both at random (50 %, 67 % reads), in turn; a read and a write')
    note('stream 64 MiB apart, in turn or 4 KiB at a time; reads 8 KiB apart; random addresses.')
    for name, about in golden['simulators'].items():
        note('- %s: %s' % (name, about))
    note()
    note('Bound: inside the spread of the two simulators, 2 % more at either end (4 % on HBM2, where they disagree about the command bus); where there')
    note('is one only, within 10 % of it. Where ours is faster on random mixed traffic, it opens rows for the direction that waits.')
    note()
    table('device, address map', 'trace', 'DRAMsim3', 'Ramulator 2', 'ours', 'outside the spread')
    for case in golden['cases']:
        ours = replay(trace(case['trace'], golden['requests']), 'dram.model=banked', 'dram.device=' + case['device'],
                      'dram.address_map=' + case['address_map'])['cycles']
        measured = case['measured'].values()
        low, high = min(measured), max(measured)
        error = 0 if low <= ours <= high else 100 * (ours / (high if ours > high else low) - 1)
        bound = 10 if len(measured) == 1 else 4 if case['device'] == 'hbm2' else 2
        text = 'inside' if error == 0 else '%+.1f %%' % error
        if abs(error) > bound:
            missed.append('%s %s on %s: %s, measured %s to %s' % (case['trace'], case['address_map'], case['device'], ours, low, high))
            text += ' **MISSED**'
        cell = lambda name: number(case['measured'][name]) if name in case['measured'] else '-'
        note('| %s, %s | %s | %s | %s | %s | %s |' % (case['device'], case['address_map'], case['trace'], cell('DRAMsim3'), cell('Ramulator 2'),
                                                     number(ours), text))
    note()
