"""The golden evidence lines are those of an independent writer."""
import pathlib
import subprocess
import sys
import unittest

WRITER = pathlib.Path(__file__).resolve().parents[1] / "golden" / "records" / "write.py"


class GoldenRecords(unittest.TestCase):
    def test_python_writes_the_same_bytes(self):
        done = subprocess.run([sys.executable, "-B", str(WRITER), "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
