//! Files and inline data as something that hyperd can read from.
