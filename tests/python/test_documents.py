"""The Python blocks of docs/python.md run, in their order, in a folder of their own."""
import contextlib, io, os, re, tempfile, unittest


class Documents(unittest.TestCase):
    def test_the_blocks_of_the_page_run(self):
        with open(os.path.join(os.environ['VITALITY_SOURCE'], 'docs/python.md')) as page:
            blocks = re.findall(r'^```python\n(.*?)^```', page.read(), re.S | re.M)
        self.assertGreaterEqual(len(blocks), 4)
        names, before = {}, os.getcwd()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
            os.chdir(folder)
            try:
                for block in blocks: exec(compile(block, 'docs/python.md', 'exec'), names)
            finally:
                os.chdir(before)
        self.assertIn('did you mean "matrix_engine.rows"', printed.getvalue())
        self.assertEqual(len(names['search'].rows), 12)


if __name__ == '__main__': unittest.main()
