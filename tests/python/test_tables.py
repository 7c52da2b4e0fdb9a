"""run, compare, sweep and evaluate: their tables are what the program writes, and obey the laws of its results."""
import csv, json, os, subprocess, tempfile, unittest

import vitality

SOURCE = os.environ['VITALITY_SOURCE']


def printed(*words, folder=SOURCE):
    return subprocess.run([os.environ['VITALITY'], *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def result_of(*words):
    return json.loads(printed('run', *words, '--quiet', '--result', '-'))


class Tables(unittest.TestCase):
    def test_a_table_of_the_program_is_read_as_it_was_meant(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'table.csv')
            with open(path, 'w', newline='') as file:
                csv.writer(file).writerows([['name', 'cycles', 'share', 'label', 'mixed', 'none'],
                                            ["'=1+1", 7, 0.5, '1_0', '12', ''],
                                            ["'quoted", '', '1e-05', 'nan', '', ''],
                                            ['two\nlines, "one" cell', -3, '', 'inf', 'x', '']])
            table = vitality.read_table(path)
        self.assertEqual(list(table['name']), ['=1+1', "'quoted", 'two\nlines, "one" cell'])
        self.assertEqual(list(table['cycles'].dropna()), [7, -3])
        self.assertEqual(list(table['share'].dropna()), [0.5, 1e-5])
        self.assertEqual(list(table['label']), ['1_0', 'nan', 'inf'])  # words, not numbers
        self.assertEqual(list(table['mixed']), ['12', None, 'x'])
        self.assertTrue(table['none'].isna().all())

    def test_totals_are_those_of_the_program(self):
        table = vitality.run('vitality', 'tiny_vit', set={'matrix_engine.rows': 32, 'pipeline.intra_layer': False}, seed=3)
        result = result_of('--config', 'vitality', '--workload', 'tiny_vit', '--set', 'matrix_engine.rows=32', '--set',
                           'pipeline.intra_layer=false', '--seed', '3')
        total, attention = table[table['part'] == 'total'].iloc[0], table[table['part'] == 'attention'].iloc[0]
        for name in ('cycles', 'energy_mj', 'macs', 'dram_read_bytes', 'utilization'):
            self.assertEqual(total[name], result['totals'][name], name)
            self.assertEqual(attention[name], result['attention_totals'][name], name)

    def test_layers_and_units_obey_the_laws_of_a_result(self):
        tables = vitality.run_tables('sanger', 'tiny_vit', numerics='off')
        self.assertEqual(sorted(tables), ['layers', 'totals', 'units'])
        totals, layers, units = tables['totals'].iloc[0], tables['layers'], tables['units']
        self.assertEqual(layers['macs'].sum(), totals['macs'])
        stalls = units[[name for name in units if name.startswith('stall_')]].sum(axis=1)
        self.assertTrue((units['busy_cycles'] + stalls + units['idle_cycles'] == totals['cycles']).all())
        self.assertEqual(vitality.run('sanger', 'tiny_vit', numerics='off', table='units').shape, units.shape)
        with self.assertRaisesRegex(ValueError, 'layers, totals, units; found .phases'):
            vitality.run('sanger', 'tiny_vit', numerics='off', table='phases')

    def test_a_training_step_has_phases(self):
        phases = vitality.run('vitality_training', 'tiny_vit', mode='training', numerics='off', table='phases')
        self.assertEqual(len(phases), 3)

    def test_documents_may_be_dicts(self):
        config = json.load(open(os.path.join(SOURCE, 'configs/vitality.json')))
        config['matrix_engine']['rows'] = 16
        workload = json.load(open(os.path.join(SOURCE, 'workloads/tiny_vit.json')))
        given = vitality.run_result(config, workload, numerics='off')
        named = result_of('--config', 'vitality', '--workload', 'tiny_vit', '--set', 'matrix_engine.rows=16', '--numerics', 'off')
        self.assertEqual(given['totals'], named['totals'])
        self.assertEqual(given['config']['matrix_engine']['rows'], 16)

    def test_a_comparison_is_relative_to_its_first_machine(self):
        table = vitality.compare(['vitality', 'dense_softmax'], ['tiny_vit', 'tiny_levit'], numerics='off')
        self.assertEqual(len(table), 2 * 2 * 2)
        for _, pair in table.groupby(['workload', 'scope']):
            self.assertEqual(list(pair['machine']), ['vitality', 'dense_softmax'])
            first, second = pair['latency_ms']
            self.assertEqual(pair['speedup'].iloc[0], 1)
            self.assertAlmostEqual(pair['speedup'].iloc[1], first / second, places=12)

    def test_a_sweep_is_its_table(self):
        spec = {'base': 'vitality', 'workloads': ['tiny_vit'], 'numerics': 'off',
                'axes': {'matrix_engine.rows': [8, 32], 'precision': ['int8', 'int16'], 'pipeline.intra_layer': [True, False]}}
        with tempfile.TemporaryDirectory() as folder:
            table = vitality.sweep(spec, folder, jobs=2)
            with open(os.path.join(folder, 'results.csv'), newline='') as file:
                rows = list(csv.DictReader(file))
        self.assertEqual([str(c) for c in table['cycles']], [row['cycles'] for row in rows])
        self.assertEqual(list(table['precision']), [row['precision'] for row in rows])
        self.assertEqual(list(table['pipeline.intra_layer'])[:2], [True, False])
        # On the front: no other row is as good in both objectives and better in one.
        values = list(zip(table['latency_ms'], table['energy_mj']))
        front = [not any(o[0] <= v[0] and o[1] <= v[1] and o != v for o in values) for v in values]
        self.assertEqual(list(table['pareto']), front)

    def test_a_page_of_a_result(self):
        with tempfile.TemporaryDirectory() as folder:
            result, page = os.path.join(folder, 'r.json'), os.path.join(folder, 'page.html')
            vitality.run_result('vitality', 'tiny_vit', numerics='off', more=['--csv', folder])
            printed('run', '--config', 'vitality', '--workload', 'tiny_vit', '--numerics', 'off', '--quiet', '--result', result)
            self.assertEqual(vitality.report([result], html=page, title='Mine'), [])
            with open(page) as file: self.assertIn('Mine', file.read())
            self.assertTrue(os.path.exists(os.path.join(folder, 'layers.csv')))  # by `more`

    def test_the_accuracy_of_a_trained_model(self):
        example = os.path.join(SOURCE, 'examples/trained-model')
        table = vitality.evaluate('fashion_vit', os.path.join(SOURCE, 'workloads/fashion_vit'), os.path.join(example, 'images.npy'),
                                  os.path.join(example, 'labels.npy'), mean=0.2860, std=[0.3530], config='vitality', limit=20)
        self.assertEqual(list(table['where']), ['reference', 'reference', 'machine'])
        self.assertEqual(list(table['attention']), ['softmax', 'taylor', 'taylor'])
        self.assertEqual(list(table['images']), [20, 20, 10])
        # Shares of 20 images, and of the machine's 10.
        for share, images in zip(table['top1'], table['images']):
            self.assertAlmostEqual(share * images, round(share * images), places=9)
        self.assertGreater(table['cycles'].iloc[2], 0)


if __name__ == '__main__': unittest.main()
