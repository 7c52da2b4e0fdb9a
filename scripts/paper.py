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
        'quoted': compare(program, ['vitality', 'configs/sanger.json,clock_mhz=667'], ['deit_small']),
        'ungated': compare(program, ['configs/vitality.json,energy.register_clocking=ungated', 'configs/sanger.json,clock_mhz=667,energy.register_clocking=ungated'],
                           ['deit_small']),
        'given': compare(program, ['vitality', 'configs/sanger.json,sparsity.source=density,sparsity.density=0.3'], ['deit_small']),
        'ablations': compare(program, [machine for _, machine in ABLATIONS], MODELS),
        'operations': [{kind: operations(program, model, kind) for kind in ('taylor', 'softmax')} for model in MODELS],
    }


def online_operations(layer):
    """What online softmax did in this layer beyond whole rows of scores (docs/algorithm.md, section 6), by the layer's counts.
    H m rows of n scores in T tiles: H m (n + T - 1) exponentials, H m (n - 1) comparisons, H m e divisions, H m n (d + e) MACs."""
    if layer.get('mapping', {}).get('softmax') != 'online':
        return {}
    counts = layer['operations']
    for tiles in range(1, 10000):
        rows = (counts['exp'] - counts['cmp']) / tiles
        tokens = counts['cmp'] / rows + 1
        whole = rows == int(rows) and tokens == int(tokens) and layer['macs'] % (rows * tokens) == 0
        if whole and -(-tokens // layer['mapping']['key_chunk']) == tiles:
            break
    else:
        raise ValueError('no number of tiles explains the operations of ' + layer['name'])
    return {'mul': (tiles - 1) * (rows + counts['div']), 'add': (tiles - 1) * rows, 'exp': (tiles - 1) * rows,
            'div': counts['div'] - rows * tokens}


def whole_row_operations(result):
    """The attention operations of a run, as they are without online softmax."""
    counts = dict(result['attention_totals']['operations'])
    for layer in result['layers']:
        for name, more in online_operations(layer).items():
            counts[name] -= more
    return counts


def operations(program, model, kind):
    done = subprocess.run([program, 'run', '--config', 'configs/vitality.json', '--set', 'attention=' + kind, '--workload',
                           'workloads/%s.json' % model, '--numerics', 'off', '--quiet', '--result', '/dev/stdout'],
                          stdout=subprocess.PIPE, text=True, check=True)
    return whole_row_operations(json.loads(done.stdout))


def ratio_table(page, comparison, names, scope, name):
    page.table('ViTALiTy over', *MODELS, 'geometric mean')
    for machine, text in enumerate(names, 1):
        ratios = comparison.ratios(machine, scope, name)
        page.note('| %s | %s | %s |' % (text, ' | '.join(map(times, ratios)), times(geometric_mean(ratios))))
    page.note()


def write(page, data):
    """page: note(line), table(*heads), row(claim, expected, mark, ours, bound in percent or None)."""
    published(page, data)
    disagreements(page, data)
    operation_ratios(page, data)
    tables(page, data)
    ablations(page, data)


SMALL, SANGER = MODELS.index('deit_small'), 1


def efficiency(comparison, machine, model):
    """GOP/s/W on chip."""
    return 2e-6 * comparison.value(machine, model, 'end_to_end', 'macs') / comparison.value(machine, model, 'end_to_end', 'on_chip_energy_mj')


def published(page, data):
    shipped, sized, quoted = data['shipped'], data['sized'], data['quoted']
    page.note('The abstract\'s "3x faster, 3x more energy-efficient" is marked **P, definition not published**: it names no mean, no area rule and no memory rule, so the rows')
    page.note('that compare with it show three readings of ours, none of which is known to be the paper\'s.')
    page.note('The paper\'s baseline is Sanger. As shipped: each machine at its own clock (both 500 MHz) and on its own memory. Same area: Sanger resized to')
    page.note('ViTALiTy\'s area, with its memory (`compare --normalize area`). Quoted: the later table that gives both at 28 nm and Sanger at 667 MHz.')
    page.note()
    page.table('ViTALiTy over Sanger', 'published', 'mark', 'ours', 'error')
    for text, name in (('faster', 'speedup'), ('more energy-efficient, on chip', 'on_chip_gain'), ('more energy-efficient, with DRAM', 'efficiency_gain')):
        for comparison, how in ((shipped, 'as shipped'), (sized, 'same area')):
            page.row('%s, end to end, geometric mean of the seven models (%s)' % (text, how), 3, 'P, definition not published',
                     geometric_mean(comparison.ratios(SANGER, 'end_to_end', name)))
    speed = quoted.value(0, 0, 'end_to_end', 'gops') / quoted.value(1, 0, 'end_to_end', 'gops')
    page.row('DeiT-S: throughput (quoted, 667 MHz)', 3.34, 'Q', speed)
    page.row('DeiT-S: throughput (as shipped)', 3.34, 'Q', shipped.value(0, SMALL, 'end_to_end', 'gops') / shipped.value(SANGER, SMALL, 'end_to_end', 'gops'))
    page.row('DeiT-S: GOP/s/W on chip (quoted, 667 MHz)', 3.42, 'Q', efficiency(quoted, 0, 0) / efficiency(quoted, 1, 0))
    page.note()
    page.note('The gains in energy with every class of prices within its factor, off for both machines alike, and registers of both gated or of both ungated:')
    page.note()
    page.table('ViTALiTy over Sanger, geometric mean of the seven models', 'low', 'point', 'high', '3x, definition not published, is')
    for text, name in (('on chip', 'on_chip_gain'), ('with DRAM', 'efficiency_gain')):
        for comparison, how in ((shipped, 'as shipped'), (sized, 'same area and memory')):
            means = comparison.machines[SANGER]['geometric_means']
            low, high = (1 / end for end in reversed(means[name + '_range']))
            page.note('| %s, %s | %.2fx | %.2fx | %.2fx | %s |' % (text, how, low, 1 / means[name]['value'], high, 'inside' if low <= 3 <= high else 'outside'))
    page.note()
    page.table('Sanger itself, DeiT-S at 667 MHz', 'published', 'mark', 'ours', 'error')
    page.row('throughput, GOP/s', 615.5, 'Q', quoted.value(1, 0, 'end_to_end', 'gops'))
    page.row('power on chip, W', 1.69, 'Q', sanger_power(quoted))
    page.row('area, mm2', 5.194, 'Q', quoted.machines[1]['area_mm2']['value'])
    page.row('efficiency, GOP/s/W', 365, 'Q', efficiency(quoted, 1, 0))
    page.note()


def sanger_power(comparison):
    return comparison.value(1, 0, 'end_to_end', 'on_chip_energy_mj') / comparison.value(1, 0, 'end_to_end', 'latency_ms')


def disagreements(page, data):
    shipped, quoted, given = data['shipped'], data['quoted'], data['given']

    def share(machine):
        return 100 * shipped.value(machine, SMALL, 'attention', 'latency_ms') / shipped.value(machine, SMALL, 'end_to_end', 'latency_ms')

    def utilization(machine):
        return 100 * shipped.value(machine, SMALL, 'end_to_end', 'utilization')

    page.note('**Why they differ.** Nothing is tuned to meet these figures.')
    page.note()
    page.note('- *Speed* end to end is mostly the ratio of the arrays. On DeiT-S attention alone takes %.1f %% (ViTALiTy) and %.1f %% (Sanger) of the time of the whole' % (share(0), share(SANGER)))
    page.note('  model; dense layers run at %.1f %% of 4,160 MACs and %.1f %% of 1,024. The quoted Sanger reaches 615.5 GOP/s, 45 %% of its peak at 667 MHz, ours %.0f %%: what' %
              (utilization(0), utilization(SANGER), 100 * quoted.value(1, 0, 'end_to_end', 'utilization')))
    page.note('  the quoted one waits for is not published. Against the quoted 615.5 our ViTALiTy is %.2fx faster.' % (shipped.value(0, SMALL, 'end_to_end', 'gops') / 615.5))
    page.note('- *Energy on chip* is priced from one table for both, and both do about the same MACs. What differs are registers: a PE of Sanger holds 784 bits beside the')
    page.note('  16 that it clocks, and at 667 MHz the machine draws %.2f W with gated clocks and %.2f W with clocks that are never gated; 1.69 W are quoted.' %
              (sanger_power(quoted), sanger_power(data['ungated'])))
    page.note('  ViTALiTy is then %.2fx and %.2fx more efficient on DeiT-S (GOP/s/W on chip): clock gating decides the comparison, and no paper speaks of it.' %
              tuple(efficiency(data[name], 0, 0) / efficiency(data[name], 1, 0) for name in ('quoted', 'ungated')))
    page.note('- *Energy with DRAM, as shipped,* compares memories: Sanger\'s HBM2 is priced at 5 pJ/bit, ViTALiTy\'s DDR4 at 13. On the same memory it turns round.')
    page.note('- *Masks* are predicted from seeded weights: on DeiT-S %.1f %% of the entries stay, far fewer than in a trained model. At a given density of 30 %% ViTALiTy is %.2fx' %
              (100 * shipped.density(SANGER, SMALL), 1 / given.value(1, 0, 'attention', 'speedup')))
    page.note('  faster on attention alone (%.2fx with the predicted masks) and %.2fx end to end (%.2fx).' %
              (1 / shipped.value(SANGER, SMALL, 'attention', 'speedup'), 1 / given.value(1, 0, 'end_to_end', 'speedup'),
               1 / shipped.value(SANGER, SMALL, 'end_to_end', 'speedup')))
    page.note('- *GPU, edge GPU and CPU* are rooflines at data-sheet peaks: lower bounds on latency that no library reaches at batch 1. The speedups over them below are')
    page.note('  the least that is certain, not to be read against measured ones.')
    page.note()


def operation_ratios(page, data):
    page.note('Operations of attention, softmax over Taylor: what the linear form saves before any machine is built. What online softmax does beyond whole')
    page.note('rows of scores (docs/algorithm.md, section 6) is taken out of the counts.')
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
    stationary = geometric_mean(comparison.ratios(1, 'end_to_end', 'on_chip_gain'))
    page.note('Published (Q, direction only): down-forward costs more accesses and still wins on total energy. Ours: G-stationary takes %.1f %% %s energy on chip: %s.' %
              (100 * abs(stationary - 1), 'more' if stationary > 1 else 'less', 'agrees' if stationary > 1 else '**disagrees**'))
    page.note()
