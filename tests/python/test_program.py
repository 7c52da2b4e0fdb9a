"""Where the program is found, what its errors become, and what is left after Ctrl-C."""
import os, pathlib, shutil, signal, stat, subprocess, sys, tempfile, time, unittest
from unittest import mock

import vitality
import vitality.program

SOURCE = os.environ['VITALITY_SOURCE']


def script(folder, text, name='program'):
    path = os.path.join(folder, name)
    with open(path, 'w') as file: file.write('#!/bin/bash\n' + text + '\n')
    os.chmod(path, 0o755)
    return path


class Errors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def answers(self, text):
        return mock.patch.dict(os.environ, VITALITY=script(self.folder, text))

    def test_bad_input_says_where_and_what(self):
        with self.assertRaises(vitality.BadInput) as caught: vitality.run('vitality', 'tiny_vit', set={'matrix_engine.row': 3})
        self.assertEqual(caught.exception.exit_code, 2)
        self.assertIn('did you mean "matrix_engine.rows"', str(caught.exception))
        self.assertFalse(str(caught.exception).startswith('error'))

    def test_what_does_not_fit_says_why(self):
        with self.assertRaisesRegex(vitality.Infeasible, 'scratchpad'):
            vitality.run('vitality', 'tiny_vit', set={'scratchpad.capacity_kib': 1, 'scratchpad.port_bytes': 64}, numerics='off')

    def test_every_exit_code_has_its_error(self):
        for code, kind in ((1, vitality.Failed), (2, vitality.BadInput), (3, vitality.OutsideTolerance), (4, vitality.Infeasible),
                           (130, vitality.Interrupted), (77, vitality.VitalityError)):
            with self.answers(f'echo "error: a" >&2; echo "error: b" >&2; exit {code}'), self.assertRaises(vitality.VitalityError) as caught:
                vitality.version()
            self.assertIs(type(caught.exception), kind)
            self.assertEqual((caught.exception.exit_code, str(caught.exception)), (code, 'a\nb'))

    def test_a_program_that_a_signal_ends_has_failed(self):
        with self.answers('kill -KILL $$'), self.assertRaisesRegex(vitality.Failed, 'signal 9'): vitality.version()

    def test_the_program_is_named_by_the_environment(self):
        with self.answers('echo vitality 1.2.3'): self.assertEqual(vitality.version(), '1.2.3')
        with mock.patch.dict(os.environ, VITALITY='/nowhere/vitality'), self.assertRaisesRegex(FileNotFoundError, '/nowhere'):
            vitality.find_program()

    def test_an_installed_package_finds_the_program_beside_it(self):
        prefix = pathlib.Path(self.folder)
        shutil.copytree(os.path.join(SOURCE, 'src/python/vitality'), prefix / 'lib/python3/dist-packages/vitality')
        (prefix / 'bin').mkdir()
        own = script(prefix / 'bin', 'echo vitality 9.8.7', 'vitality')
        (prefix / 'path').mkdir()
        other = script(prefix / 'path', 'echo vitality 0.0.0', 'vitality')
        environment = {k: v for k, v in os.environ.items() if k != 'VITALITY'}
        environment.update(PYTHONPATH=str(prefix / 'lib/python3/dist-packages'), PATH=f'{prefix}/path:{os.environ["PATH"]}')

        def found():
            return subprocess.run([sys.executable, '-c', 'import vitality; print(vitality.find_program())'], env=environment,
                                  capture_output=True, text=True, check=True).stdout.strip()
        self.assertEqual(found(), os.path.realpath(own))
        os.remove(own)
        self.assertEqual(found(), other)  # on the PATH

    def test_tables_without_pandas_name_the_package(self):
        with mock.patch.dict(sys.modules, pandas=None):
            with self.assertRaisesRegex(ImportError, 'python3-pandas'): vitality.run('vitality', 'tiny_vit')
            self.assertGreater(vitality.run_result('vitality', 'tiny_vit', numerics='off')['totals']['cycles'], 0)


class ControlC(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program_of(self, text):
        """A script in the program's place that leaves its process id."""
        return script(self.folder, f'echo $$ >{self.folder}/pid.part; mv {self.folder}/pid.part {self.folder}/pid\n{text}')

    def interrupt(self, call, sign='pid'):
        """Runs the call in a Python of its own, and interrupts only that once this file is there."""
        (self.folder / 'tmp').mkdir()
        environment = dict(os.environ, TMPDIR=str(self.folder / 'tmp'), VITALITY=str(self.folder / 'program'))
        python = subprocess.Popen([sys.executable, '-c', f'import vitality\n{call}'], env=environment, cwd=self.folder,
                                  stderr=subprocess.PIPE, text=True)
        give_up = time.monotonic() + 60
        while not (self.folder / sign).exists():
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.01)
        time.sleep(0.3)
        python.send_signal(signal.SIGINT)
        _, errors = python.communicate(timeout=60)
        self.assertIn('KeyboardInterrupt', errors)
        self.assertFalse(os.path.exists(f'/proc/{int((self.folder / "pid").read_text())}'), 'the program still runs')

    def test_nothing_runs_and_nothing_is_left_after_a_run(self):
        self.program_of(f'exec {os.environ["VITALITY"]} "$@"')
        self.interrupt('vitality.run("vitality", "vit_huge_14")')
        self.assertEqual(list((self.folder / 'tmp').iterdir()), [])

    def test_a_sweep_keeps_what_is_finished(self):
        self.program_of(f'exec {os.environ["VITALITY"]} "$@"')
        self.interrupt('vitality.sweep({"base": "vitality", "workloads": ["deit_base"], "axes": {"clock_mhz": {"from": 1, "to": 500, '
                       '"steps": 500}}, "numerics": "check"}, "out")', 'out/results.sqlite')
        self.assertEqual(list((self.folder / 'tmp').iterdir()), [])
        self.assertFalse((self.folder / 'out' / 'results.csv').exists())
        # The store is in order.
        table = vitality.sweep({"base": "vitality", "workloads": ["tiny_vit"], "axes": {"clock_mhz": [500]}, "numerics": "off"}, self.folder / 'out')
        self.assertEqual(list(table['status']), ['ok'])

    def test_a_program_that_does_not_listen_is_killed(self):
        with mock.patch.dict(os.environ, VITALITY=self.program_of("trap '' INT\nwhile :; do sleep 0.1; done")), \
                mock.patch.object(vitality.program, '_SECONDS_TO_CLEAN_UP', 0.3):
            def interrupt(*_): raise KeyboardInterrupt
            before = signal.signal(signal.SIGALRM, interrupt)
            self.addCleanup(signal.signal, signal.SIGALRM, before)
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with self.assertRaises(KeyboardInterrupt): vitality.version()
        self.assertFalse(os.path.exists(f'/proc/{int((self.folder / "pid").read_text())}'))


if __name__ == '__main__': unittest.main()
