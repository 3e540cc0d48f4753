//! Load generation and benchmarks of the registry, side by side with what it is compared to.
