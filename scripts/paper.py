"""The paper's comparison (ViTALiTy, HPCA 2023) on this simulator: collects the numbers and writes them as Markdown.

scripts/reproduce-paper prints the report; scripts/validate-model puts the same lines into docs/validation.md. Timing only: no values are
computed but those that predict masks.
"""
import json, math, subprocess, sys

MODELS = ['deit_tiny', 'deit_small', 'deit_base', 'levit_128s', 'levit_128', 'mobilevit_xxs', 'mobilevit_xs']
OTHERS = ['sanger', 'dense_softmax', 'gpu_rtx2080ti', 'edge_gpu_tx2', 'cpu_xeon6230']
# Multiplications of softmax over Taylor attention, whole models: the closed forms of both algorithms (C).
OPERATION_RATIOS = {'deit_tiny': 3.08, 'deit_small': 3.08, 'deit_base': 3.08, 'levit_128s': 4.02, 'levit_128': 4.75, 'mobilevit_xxs': 9.38,
                    'mobilevit_xs': 6.25}
ABLATIONS = [('as published: down-forward, pipelined, with SA-Diag', 'configs/vitality.json'),
             ('G-stationary in place of down-forward', 'configs/vitality_g_stationary.json'),
             ('intra-layer pipeline off', 'configs/vitality.json,pipeline.intra_layer=false'),
             ('SA-Diag off (SA-General computes t_D)', 'configs/vitality.json,diagonal_engine.enabled=false')]


def compare(program, machines, models, *options):
    command = [program, 'compare', '--numerics', 'off', '--quiet', '--json', '/dev/stdout', *options]
    for machine in machines:
        command += ['--config', machine if '.json' in machine else 'configs/%s.json' % machine]
    for model in models:
        command += ['--workload', 'workloads/%s.json' % model]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit('exit %d: %s\n%s' % (done.returncode, ' '.join(command), done.stderr))
    return Comparison(json.loads(done.stdout), models)


class Comparison:
    def __init__(self, document, models):
        self.machines = document['machines']
        self.pairs = [document['pairs'][i:i + len(models)] for i in range(0, len(document['pairs']), len(models))]

    def value(self, machine, model, scope, name):
        """NaN where the pair did not run or the number is not known."""
        value = self.pairs[machine][model][scope][name]['value']
        return math.nan if value is None else value

    def ratios(self, machine, scope, name):
        """Of every model, how often the first machine is better than this one."""
        return [1 / self.value(machine, model, scope, name) for model in range(len(self.pairs[machine]))]

    def density(self, machine, model):
        value = self.pairs[machine][model]['density']['value']
        return math.nan if value is None else value


def geometric_mean(values):
    known = [math.log(value) for value in values if value == value]
    return math.exp(sum(known) / len(known)) if known else math.nan


def times(value):
    return '-' if value != value else '%.2fx' % value


def collect(program):
    """Everything the report needs; each comparison runs its pairs in parallel."""
    return {
        'shipped': compare(program, ['vitality'] + OTHERS, MODELS),
        'sized': compare(program, ['vitality', 'sanger', 'dense_softmax'], MODELS, '--normalize', 'area'),
        'ablations': compare(program, [machine for _, machine in ABLATIONS], MODELS),
        'operations': [{kind: operations(program, model, kind) for kind in ('taylor', 'softmax')} for model in MODELS],
    }


def operations(program, model, kind):
    done = subprocess.run([program, 'run', '--config', 'configs/vitality.json', '--set', 'attention=' + kind, '--workload',
                           'workloads/%s.json' % model, '--numerics', 'off', '--quiet', '--result', '/dev/stdout'],
                          stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)['attention_totals']['operations']


def ratio_table(page, comparison, names, scope, name):
    page.table('ViTALiTy over', *MODELS, 'geometric mean')
    for machine, text in enumerate(names, 1):
        ratios = comparison.ratios(machine, scope, name)
        page.note('| %s | %s | %s |' % (text, ' | '.join(map(times, ratios)), times(geometric_mean(ratios))))
    page.note()


def write(page, data):
    """page: note(line), table(*heads), row(claim, expected, mark, ours, bound in percent or None)."""
    published(page, data)
    operation_ratios(page, data)
    tables(page, data)
    ablations(page, data)


def published(page, data):
    shipped, sized = data['shipped'], data['sized']
    sanger, small = 1, MODELS.index('deit_small')
    page.note('Machines as shipped (each at its own clock, all on the memory that their configs name), and resized to ViTALiTy\'s area with its memory and')
    page.note('clock (`compare --normalize area`). The paper\'s baseline is Sanger at 28 nm: 5.194 mm2 against 5.223.')
    page.note()
    page.table('ViTALiTy over Sanger', 'published', 'mark', 'ours', 'error')
    for text, scope, name, expected, mark in (
            ('faster, end to end, geometric mean of the seven models', 'end_to_end', 'speedup', 3, 'P'),
            ('more energy-efficient, end to end, on chip', 'end_to_end', 'on_chip_gain', 3, 'P'),
            ('more energy-efficient, end to end, with DRAM', 'end_to_end', 'efficiency_gain', 3, 'P')):
        for comparison, how in ((shipped, 'as shipped'), (sized, 'same area')):
            page.row('%s (%s)' % (text, how), expected, mark, geometric_mean(comparison.ratios(sanger, scope, name)))
    for comparison, how in ((shipped, 'as shipped'), (sized, 'same area')):
        gops = comparison.value(0, small, 'end_to_end', 'gops') / comparison.value(sanger, small, 'end_to_end', 'gops')
        chip = comparison.value(0, small, 'end_to_end', 'macs') / comparison.value(sanger, small, 'end_to_end', 'macs') * \
            comparison.ratios(sanger, 'end_to_end', 'on_chip_gain')[small]
        page.row('DeiT-S, throughput in GOP/s (%s)' % how, 3.34, 'Q', gops)
        page.row('DeiT-S, GOP/s/W on chip (%s)' % how, 3.42, 'Q', chip)
    page.note()


def operation_ratios(page, data):
    page.note('Operations of attention, softmax over Taylor: what the linear form saves before any machine is built.')
    page.note()
    page.table('model', 'multiplications, closed forms', 'mark', 'ours, counted by the runs', 'error')
    for model, counts in zip(MODELS, data['operations']):
        page.row(model, OPERATION_RATIOS[model], 'C', counts['softmax']['mul'] / counts['taylor']['mul'], 0.2)
    page.note()


def tables(page, data):
    for title, scope, name in (('Speedup end to end, machines as shipped', 'end_to_end', 'speedup'),
                               ('Speedup of attention alone', 'attention', 'speedup'),
                               ('Energy end to end, with DRAM; rooflines: TDP x time', 'end_to_end', 'efficiency_gain'),
                               ('Energy of attention alone, with DRAM', 'attention', 'efficiency_gain')):
        page.note('**%s**' % title)
        page.note()
        ratio_table(page, data['shipped'], OTHERS, scope, name)


def ablations(page, data):
    comparison = data['ablations']
    page.note('**The paper\'s ablations on this machine** (change against vitality.json, geometric mean of the seven models; positive = more)')
    page.note()
    page.table('machine', 'latency', 'attention latency', 'energy on chip', 'attention energy on chip', 'energy with DRAM', 'area, mm2')
    for machine, (text, _) in enumerate(ABLATIONS):
        cells = []
        for scope, name in (('end_to_end', 'speedup'), ('attention', 'speedup'), ('end_to_end', 'on_chip_gain'), ('attention', 'on_chip_gain'),
                            ('end_to_end', 'efficiency_gain')):
            cells.append('%+.2f %%' % (100 * (geometric_mean(comparison.ratios(machine, scope, name)) - 1)))
        page.note('| %s | %s | %.3f |' % (text, ' | '.join(cells), comparison.machines[machine]['area_mm2']['value']))
    page.note()
