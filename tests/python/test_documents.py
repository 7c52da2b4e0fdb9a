"""The Python blocks of docs/python.md and of the README run, in their order, in a folder of their own."""
import contextlib, io, os, re, tempfile, unittest


class Documents(unittest.TestCase):
    def run_blocks(self, page, fewest, kind='python'):
        """Those of this kind and those before them: ```python, or ```python optuna, which need Optuna."""
        with open(os.path.join(os.environ['VITALITY_SOURCE'], page)) as text:
            found = re.findall(r'^```(python\S*(?: \w+)?)\n(.*?)^```', text.read(), re.S | re.M)
        self.assertIn(kind, [name for name, _ in found])
        blocks = [block for name, block in found if name in ('python', kind)]
        self.assertGreaterEqual(len(blocks), fewest)
        names, before = {}, os.getcwd()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
            os.chdir(folder)
            try:
                for block in blocks: exec(compile(block, page, 'exec'), names)
            finally:
                os.chdir(before)
        return names, printed.getvalue()

    def test_the_blocks_of_the_page_run(self):
        names, printed = self.run_blocks('docs/python.md', 4)
        self.assertIn('did you mean "matrix_engine.rows"', printed)
        self.assertEqual(len(names['search'].rows), 12)

    def test_optuna_searches_as_the_page_says(self):
        try:
            import optuna
        except ImportError:
            if os.environ.get('VITALITY_NO_SKIP'): raise
            self.skipTest('python3-optuna is not installed')
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        names, _ = self.run_blocks('docs/python.md', 5, 'python optuna')
        self.assertEqual(len(names['search'].rows), 12 + 100)
        self.assertEqual(len(names['study'].trials), 100)
        best = {tuple(trial.values) for trial in names['study'].best_trials}
        known = [row for row in names['search'].rows[12:] if row['status'] == 'ok']
        self.assertTrue(best <= {(row['latency_ms'], row['energy_mj']) for row in known})

    def test_the_blocks_of_the_readme_run(self):
        self.run_blocks('README.md', 1)


if __name__ == '__main__': unittest.main()
