//! What the fuzz targets of this directory share.

pub mod frame;
