//! x
pub mod plan;
pub mod rate;
pub mod search;
