//! Payments over a simulated network, on virtual time, without tokio.
//!
//! A [`Scenario`] is a network ([`psk_plugin::sim`]), the payments over it, and who lies. [`run()`] drives
//! [`SendPayment`](crate::send::SendPayment), [`ReceivePayments`](crate::receive::ReceivePayments) and
//! [`Receiver`](psk_request::Receiver) over it, checks the money invariants (ENGINE.md section 2) after every step,
//! and tells what came of it. The same seed gives the same run, bit for bit.
//!
//! What came of it is an [`Outcome`]; with [`RunOptions::timeline`], [`report::html`] makes a page with plots of it.
//!
//! [`standard`] has the paths by which the engine is judged; [`random`] makes others from seeds.
//!
//! ```
//! use psk_chunking::sim::{RunOptions, run, standard};
//!
//! let wan = standard::scenario("wan").expect("it is one of them");
//! let outcome = run(&wan, RunOptions::seed(1))?;
//! assert!(outcome.is_well(), "{outcome}");
//! assert_eq!(outcome.payments[0].ending(), "completed");
//! # Ok::<(), psk_chunking::sim::RunError>(())
//! ```

mod attacker;
mod check;
mod data;
mod ideal;
mod limit;
mod outcome;
mod party;
mod payee;
mod payer;
mod quoting;
pub mod random;
mod ratio;
mod refunder;
pub mod report;
mod room;
mod run;
mod scenario;
mod sense;
pub mod standard;
mod table;
mod timeline;
mod way;
mod witness;
mod worth;

pub use outcome::{AttackOutcome, DataOutcome, Outcome, PaymentOutcome, Rejects, Sample};
pub use run::{RunError, RunOptions, run};
pub use scenario::{
    Attack, AttackConfig, Expectation, Fixed, Lie, PauseConfig, PaymentConfig, ReceiverConfig, Scenario,
};
pub use table::table;
pub use timeline::{Extent, Figure, Moments, Timeline};
