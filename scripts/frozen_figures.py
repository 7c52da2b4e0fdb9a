"""Frozen figures: published numbers that no constant of this project was chosen for. The list and the machines were committed first
(FROZEN), the scores taken after. Called by scripts/validate-model."""

from released_models import PARTS, VITCOD_LOG, write_masks

# The commit that has the constants, the machines' parts and this list of published figures.
FROZEN = 'dd57abb'


def dense_utilisation(run):
    """MACs of the projections and the MLP against the peak in their cycles, in percent."""
    totals = run('sanger', 'deit_small', layers='*.mlp.fc?')['totals']
    return 100 * totals['macs'] / (1024 * totals['cycles'])


def scaled_latency(run, machine, *overrides):
    """Time of the attention layers alone, times the peak (GOP/s over utilisation): machines brought to the same peak."""
    totals = run(machine, 'deit_base', *overrides, layers='*.attn')['totals']
    return totals['latency_ms'] * totals['gops'] / totals['utilization']


def sofa_elements(energy):
    """A 16-bit PE of SOFA: multiplier, sum, two operand registers and a sum of 32 bits."""
    cost = energy['format']['int16']
    area = cost['multiply_um2'] + cost['sum_um2'] + (32 + 32) * energy['flip_flop_um2']
    picojoules = cost['multiply_pj'] + cost['sum_pj'] + 64 * energy['flip_flop_fj'] * (1 + energy['clock_tree_share']) * 1e-3
    return area, picojoules


def figures(run, energy, folder):
    """(quantity, source, mark, unit, published, ours)"""
    def power(machine, node=28):
        return run(machine, 'deit_small', 'technology_nm=%d' % node)['totals']['on_chip_power_w']

    masks = folder + '/vitcod_masks.npy'
    write_masks(masks)
    vitcod = {part: run('vitcod', 'deit_tiny', 'sparsity.source=file', 'sparsity.mask_file=' + masks, layers=layers)['totals']['cycles']
              for part, layers in PARTS.items()}
    area, picojoules = sofa_elements(energy)
    sparse = 'sparsity.density=0.1'
    return [
        *[('ViTCoD, DeiT-Tiny at 95 % sparsity: ' + part, 'log of its released simulator', 'P', 'cycles', VITCOD_LOG[part], vitcod[part]) for part in PARTS],
        ('ViTCoD: power on chip', 'You et al., HPCA 2023, quoted', 'Q', 'W', 0.324, power('vitcod')),
        ('SpAtten-1/8, 40 nm: power of the core', 'Wang et al., HPCA 2021, quoted', 'Q', 'W', 0.325, power('spatten', 40)),
        ('ELSA, 40 nm: power of one module', 'Ham et al., ISCA 2021, quoted', 'Q', 'W', 0.969, power('elsa', 40)),
        ('DOTA, 22 nm: power', 'Qu et al., ASPLOS 2022, quoted', 'Q', 'W', 3.02, power('dota', 22)),
        ('SALO: power', 'Shen et al., DAC 2022', 'U', 'W', 0.533, power('salo')),
        ('Sanger, 55 nm, 500 MHz: power', 'Lu et al., MICRO 2021, quoted', 'Q', 'W', 2.76,
         run('sanger', 'deit_small', 'technology_nm=55')['totals']['on_chip_power_w']),
        ('Sanger: utilisation in dense layers (ours: MLP)', 'from its own ablation: 529 GOP/s at 4.32x of 256 GOP/s peak', 'C', '%', 47.8, dense_utilisation(run)),
        ('Sanger: throughput of its peak at 667 MHz', 'quoted by a later table', 'Q', '%', 45.1,
         100 * run('sanger', 'deit_small', 'clock_mhz=667')['totals']['utilization']),
        ('ViTCoD over Sanger, attention at 90 % sparsity, same peak', 'abstract of ViTCoD (up to)', 'P', 'x', 6.8,
         scaled_latency(run, 'sanger', sparse, 'sparsity.source=pattern') / scaled_latency(run, 'vitcod', sparse)),
        ('ViTCoD over SpAtten, attention at 90 % sparsity (SpAtten as it prunes), same peak', 'abstract of ViTCoD (up to)', 'P', 'x', 10.1,
         scaled_latency(run, 'spatten') / scaled_latency(run, 'vitcod', sparse)),
        ('DOTA over ELSA, attention, same peak', 'abstract of DOTA', 'P', 'x', 4.5,
         scaled_latency(run, 'elsa') / scaled_latency(run, 'dota')),
        ('SOFA: area of 512 PEs of 16 bits, 28 nm', 'Table III of SOFA', 'P', 'mm2', 0.875, 512 * area * 1e-6),
        ('SOFA: power of these, 1 GHz, all at work', 'Table III of SOFA', 'P', 'W', 0.146, 512 * picojoules * 1e-3),
    ]


def write(report, run, energy, folder):
    report.note('Published numbers that no constant, size or mapping was chosen for. The list, the machines and the constants are those of commit')
    report.note('%s; the scores were taken after it (three powers were first computed at 28 nm instead of their published node). The largest misses come' % FROZEN)
    report.note('first. Workloads are ours (DeiT): the papers of SpAtten, ELSA and DOTA measured language models, so their powers are compared at another load.')
    report.note('"Same peak": latency x peak GOP/s.')
    report.note('Later than that commit are the prices of SRAM, NoC, clock tree and multiplexers, SpAtten\'s capacity and SALO\'s parts (from their released RTL) and the ports of banks; none was chosen for a')
    report.note('figure of this table.')
    report.note()
    report.table('quantity', 'source', 'mark', 'published', 'ours', 'error', 'frozen by')
    scored = figures(run, energy, folder)
    for quantity, source, mark, unit, published, ours in sorted(scored, key=lambda figure: -abs(figure[5] / figure[4] - 1)):
        report.note('| %s, %s | %s | %s | %s | %s | %+.1f %% | %s |' %
                    (quantity, unit, source, mark, report.number(published), report.number(ours), 100 * (ours / published - 1), FROZEN))
    report.note()
    within = sum(1 for figure in scored if 0.5 <= figure[5] / figure[4] <= 2)
    report.note('%d of %d are within a factor of 2.' % (within, len(scored)))
    report.note()
