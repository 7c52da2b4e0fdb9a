"""The Python blocks of docs/python.md and of the README run, in their order, in a folder of their own."""
import contextlib, io, os, re, tempfile, unittest


class Documents(unittest.TestCase):
    def run_blocks(self, page, fewest):
        with open(os.path.join(os.environ['VITALITY_SOURCE'], page)) as text:
            blocks = re.findall(r'^```python\n(.*?)^```', text.read(), re.S | re.M)
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

    def test_the_blocks_of_the_readme_run(self):
        self.run_blocks('README.md', 1)


if __name__ == '__main__': unittest.main()
