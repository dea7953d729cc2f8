"""The benchmarks: that they run."""
