//! What users read when a derivative is not there as they ask for it.
