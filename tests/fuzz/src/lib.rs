//! What the fuzz targets do with their inputs. The tests replay the committed inputs through the same functions.

pub mod control;
pub mod copy;
pub mod record;
pub mod rows;
pub mod session;
pub mod sql;
