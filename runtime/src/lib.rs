//! The runtime: from graphs to numbers.
