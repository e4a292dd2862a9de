//! Whether a statement only reads, which hyperd decides.
