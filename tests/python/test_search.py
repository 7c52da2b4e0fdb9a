"""Ask and tell: an own searcher drives the store, and every row is what `vitality run` says of that point."""
import json, os, random, sqlite3, subprocess, tempfile, unittest

import vitality

AXES = {'matrix_engine.rows': [8, 16, 32], 'matrix_engine.cols': {'from': 8, 'to': 32, 'scale': 'log2', 'steps': 3},
        'precision': ['int8', 'int16'], 'pipeline.intra_layer': [True, False]}
SPEC = {'base': 'vitality', 'workloads': ['tiny_vit'], 'axes': AXES, 'numerics': 'off', 'constraints': ['area_mm2 <= 1.3']}


class RandomSearcher:
    """Uniform, without a point twice."""

    def __init__(self, axes, seed):
        self.axes, self.random, self.asked, self.told = axes, random.Random(seed), [], []

    def ask(self, count):
        points = []
        while len(points) < count:
            point = {key: self.random.choice(values) for key, values in self.axes.items()}
            if point not in self.asked:
                points.append(point)
                self.asked.append(point)
        return points

    def tell(self, rows):
        self.told += rows


def totals_of(point):
    words = [word for key, value in point.items() for word in ('--set', f'{key}={json.dumps(value).strip(chr(34))}')]
    run = subprocess.run([os.environ['VITALITY'], 'run', '--config', 'vitality', '--workload', 'tiny_vit', '--numerics', 'off',
                          '--quiet', '--result', '-', *words], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)['totals']


class SearchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.out = os.path.join(self.folder, 'out')

    def points_stored(self):
        with sqlite3.connect(f'file:{self.out}/results.sqlite?mode=ro', uri=True) as store:
            return store.execute('select count(*) from points').fetchone()[0]

    def test_the_space_is_the_spec_as_the_program_reads_it(self):
        search = vitality.Search(SPEC, self.out)
        self.assertEqual(search.axes, dict(AXES, **{'matrix_engine.cols': [8, 16, 32]}))
        self.assertEqual(search.objectives, {'latency_ms': 'min', 'energy_mj': 'min'})
        self.assertFalse(os.path.exists(self.out))  # nothing was simulated
        with self.assertRaisesRegex(vitality.BadInput, 'matrix_engine.rows'):
            vitality.Search(dict(SPEC, axes={'matrix_engine.row': [8]}), self.out)
        with self.assertRaisesRegex(vitality.BadInput, 'area_mm2'):
            vitality.Search(dict(SPEC, constraints=['area_mm <= 3']), self.out)

    def test_a_random_searcher_gets_what_run_says(self):
        search = vitality.Search(SPEC, self.out, jobs=2)
        searcher = RandomSearcher(search.axes, seed=7)
        rows = search.run(searcher, 10, batch=4)  # 4, 4 and 2 points
        self.assertEqual((len(searcher.asked), len(rows)), (10, 10))
        self.assertEqual([{key: row[key] for key in AXES} for row in searcher.told], searcher.asked)
        for row, point in zip(rows, searcher.asked):
            totals = totals_of(point)
            self.assertEqual(row['status'], 'ok' if totals['area_mm2'] <= 1.3 else 'infeasible', point)
            if row['status'] == 'ok':
                for name in ('cycles', 'latency_ms', 'energy_mj', 'area_mm2', 'dram_read_bytes'):
                    self.assertEqual(row[name], totals[name], (name, point))
            else:
                self.assertIn('area_mm2 <= 1.3', row['reason'])
        self.assertEqual({row['status'] for row in rows}, {'ok', 'infeasible'})  # both were met
        self.assertEqual(len(search.table()), 10)

    def test_a_search_begun_anew_simulates_nothing_twice(self):
        search = vitality.Search(SPEC, self.out)
        searcher = RandomSearcher(search.axes, 3)
        first = search.run(searcher, 6)
        self.assertEqual(self.points_stored(), 6)
        self.assertEqual(vitality.Search(SPEC, self.out).evaluate(searcher.asked), first)
        self.assertEqual(self.points_stored(), 6)

    def test_the_folder_is_a_sweep_of_all_points(self):
        search = vitality.Search(SPEC, self.out)
        search.run(RandomSearcher(search.axes, 5), 6, batch=3)
        page = os.path.join(self.folder, 'page.html')
        subprocess.run([os.environ['VITALITY'], 'report', self.out, '--html', page, '--quiet'], check=True)
        with open(os.path.join(self.out, 'results.csv')) as file: self.assertEqual(len(file.readlines()), 1 + 6)

    def test_points_that_do_not_fit_are_rows_with_a_reason(self):
        spec = dict(SPEC, axes={'scratchpad.capacity_kib': [1, 200], 'scratchpad.port_bytes': [64]}, constraints=[])
        search = vitality.Search(spec, self.out)
        rows = search.evaluate([{'scratchpad.capacity_kib': 1, 'scratchpad.port_bytes': 64}])
        self.assertEqual(rows[0]['status'], 'infeasible')
        self.assertIn('scratchpad', rows[0]['reason'])
        self.assertEqual(search.evaluate([{'scratchpad.port_bytes': 64, 'scratchpad.capacity_kib': 200}])[0]['status'], 'ok')

    def test_a_point_is_a_value_of_each_axis(self):
        search = vitality.Search(SPEC, self.out)
        point = {key: values[0] for key, values in search.axes.items()}
        for wrong in ({}, dict(point, clock_mhz=500), {key: value for key, value in point.items() if key != 'precision'}):
            with self.assertRaisesRegex(KeyError, 'a value for each of'): search.evaluate([wrong])
        with self.assertRaisesRegex(vitality.BadInput, 'expected a value of the axis "matrix_engine.rows", found 9'):
            search.evaluate([dict(point, **{'matrix_engine.rows': 9})])
        self.assertEqual(search.evaluate([]), [])
        self.assertEqual(search.rows, [])
        self.assertEqual(len(search.evaluate([point, point])), 2)  # twice the same point: two rows, one run
        self.assertEqual(self.points_stored(), 1)

    def test_several_workloads_make_several_rows_a_point(self):
        search = vitality.Search(dict(SPEC, workloads=['tiny_vit', 'tiny_levit'], constraints=[]), self.out)
        points = RandomSearcher(search.axes, 1).ask(2)
        rows = search.evaluate(points)
        self.assertEqual([row['workload'] for row in rows], ['tiny_vit', 'tiny_levit'] * 2)

    def test_a_searcher_without_ideas_ends_the_search(self):
        class Two(RandomSearcher):
            def ask(self, count): return [] if len(self.asked) >= 2 else super().ask(1)
        search = vitality.Search(SPEC, self.out)
        self.assertEqual(len(search.run(Two(search.axes, 1), 100, batch=5)), 2)

    def test_files_beside_a_spec_are_found_from_anywhere(self):
        folder = os.path.join(self.folder, 'mine')
        os.mkdir(folder)
        with open(os.path.join(folder, 'machine.json'), 'w') as file: file.write('{"name": "mine", "matrix_engine": {"cols": 8}}')
        with open(os.path.join(folder, 'spec.json'), 'w') as file:
            json.dump({'base': 'machine.json', 'workloads': ['tiny_vit'], 'axes': {'matrix_engine.rows': [8]}, 'numerics': 'off'}, file)
        search = vitality.Search(os.path.join(folder, 'spec.json'), self.out)
        self.assertEqual(search.evaluate([{'matrix_engine.rows': 8}])[0]['status'], 'ok')


if __name__ == '__main__': unittest.main()
