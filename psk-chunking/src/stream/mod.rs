//! The application's data of a payment, one stream of octets in each direction (`docs/frames.md`): split over packets
//! by [`SendStream`], put together again by [`Reassembly`]. Both are machines without I/O and know nothing of money.

mod ranges;
mod reassembly;
mod send;

pub use reassembly::{Reassembly, ReassemblyError, ReassemblyLimits};
pub use send::{SendStream, WriteError};
