"""Print the milliseconds that the import of the module named by the first argument takes, `sys.modules` cold."""

import sys
import time

name = sys.argv[1]
start = time.perf_counter()
__import__(name)
end = time.perf_counter()
print((end - start) * 1e3)
