//! Files and inline data into tables, whole or not at all.
