"""The host table's writer runs in the child, which must stay small."""

import subprocess
import sys


def test_the_writer_loads_neither_arrow_nor_polars():
    code = "import sys, pmplab.workbook.host_table; sys.exit(bool({'pyarrow', 'polars', 'numpy', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_compactor_loads_no_polars():
    code = "import sys, pmplab.workbook.compact; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
