"""`python -m benchmarks.with_django MODULE ARGUMENTS`: run a module once Django is set up."""

import os
import runpy
import sys

from channels.routing import get_default_application

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tradehub.settings"
    get_default_application()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
