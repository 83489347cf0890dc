//! x
mod chunk;
pub mod receive;
pub mod send;
mod time;
pub use time::Now;
