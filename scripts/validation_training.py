"""The section of docs/validation.md on training steps: errors of gradients by format, and what a step costs beside its forward pass."""

KINDS = ('taylor', 'softmax', 'sparse', 'unified', 'unified_additive')


def errors(v):
    v.note('DeiT-Tiny, batch 1, unified attention on masks predicted at T = 0.02: every dL/d(output) and dL/d(parameter) against the double reference,')
    v.note('relative to the largest value of its tensor; the update: new weights against the reference\'s step from the machine\'s own gradients. With 1 MiB of')
    v.note('scratchpad: whole dK and dV of a head in the accumulation format do not fit 200 KiB in the wider formats.')
    v.note()
    v.table('format', 'tensors', 'output gradients', 'parameter gradients', 'tolerance', 'update arithmetic', 'tolerance', 'verdict')
    for precision in ('fp64', 'fp32', 'fp16', 'int16'):
        result = v.run('vitality_training', 'deit_tiny', 'precision=' + precision, 'scratchpad.capacity_kib=1024', numerics='check', mode='training')
        kinds = {e['kind']: e for e in result['training']['errors']}
        outputs, parameters, update = (kinds[k] for k in ('output gradients', 'parameter gradients', 'update arithmetic'))
        if not result['numerics']['passed']:
            v.missed.append('gradients in ' + precision)
        v.note('| %s | %d | %.2g | %.2g | %g | %.2g | %g | %s |' % (
            precision, outputs['tensors'] + parameters['tensors'], outputs['max_rel_error'], parameters['max_rel_error'], outputs['tolerance'],
            update['max_rel_error'], update['tolerance'], 'within' if result['numerics']['passed'] else '**OUTSIDE**'))
    v.note()


def costs(v):
    v.note('DeiT-Tiny, batch 1, fp16, AdamW, by kind of attention (masks: seeded, density 0.02). Forward as part of the step, so with what it saves.')
    v.note()
    v.table('attention', 'forward, cycles', 'backward', 'update', 'step / forward', 'MACs backward / forward', 'saved, MB', 'images/s')
    for kind in KINDS:
        result = v.run('vitality_training', 'deit_tiny', 'attention=' + kind, 'sparsity.source=density', 'sparsity.density=0.02', mode='training')
        training = result['training']
        forward, backward, update = training['phases']
        v.note('| %s | %s | %s | %s | %.2f | %.2f | %.1f | %.1f |' % (
            kind, v.number(forward['cycles']), v.number(backward['cycles']), v.number(update['cycles']), result['totals']['cycles'] / forward['cycles'],
            backward['macs'] / forward['macs'], training['saved_activation_bytes'] / 1e6, training['images_per_second']))
    v.note()
    v.table('claim', 'expected', 'mark', 'ours', 'error')
    result = v.run('vitality_training', 'deit_tiny', 'attention=taylor', mode='training')
    layers = {layer['name']: layer for layer in result['layers']}
    linear = [name for name, layer in layers.items() if layer['kind'] == 'linear' and name + '.backward' in layers]
    v.row('MACs of the backward pass of all linear layers: twice the forward pass\'s', 2 * sum(layers[n]['macs'] for n in linear), 'C',
          sum(layers[n + '.backward']['macs'] for n in linear), 0)
    n = m = 197
    d = e = 64
    v.row('MACs of one head\'s Taylor backward pass: 2 (n + m) d e, and m d for dt^T Q', 2 * (n + m) * d * e + m * d, 'C',
          layers['blocks.0.attn.backward']['macs'] / 3, 0)
    parameters = result['workload']['parameters']
    embedded = 197 * 192 + 192  # their gradient is the sum of a layer's output gradients: fp16
    v.row('bytes that AdamW reads: weights, two moments and gradients in 32 bits', 16 * parameters - 2 * embedded, 'C',
          result['training']['phases'][2]['dram_read_bytes'], 0)
    v.note()


def section(v):
    v.progress('training')
    v.heading('Training steps')
    v.note()
    errors(v)
    costs(v)
