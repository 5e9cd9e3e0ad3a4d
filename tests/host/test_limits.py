import subprocess
import sys

CODE = """
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
from pmplab.host.limits import open_files, raise_open_files
raise_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard, open_files() in (hard, None))
"""


def test_the_limit_on_open_files_is_raised_as_far_as_it_goes():
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "True"]
