//! SQL on Hyper for language models, over the Model Context Protocol.

mod chart;
mod files;
mod load;
mod paths;
mod read_only;
