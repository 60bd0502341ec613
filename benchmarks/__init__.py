"""Performance as numbers: `make bench` prints a table and writes var/bench.json. See docs/benchmarks.md."""
