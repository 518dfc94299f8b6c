"""The other side of the benchmark: Python's csv writer, on the same rows.

Usage: writer.py FILE, a CSV file. For each line on standard input it writes all rows into memory, and prints the
nanoseconds of processor time that this took. The cells are ready as texts, which is the best case: numbers, times and
UUIDs cost it nothing. What it writes must be the file.
"""

import csv
import io
import sys
import time

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    text = file.read()
rows = list(csv.reader(io.StringIO(text, newline="")))
for _ in sys.stdin:
    began = time.process_time_ns()
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    octets = out.getvalue().encode()
    print(time.process_time_ns() - began, flush=True)
    if octets != text.encode():
        sys.exit(5)
