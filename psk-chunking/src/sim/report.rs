//! What came of a simulation, for people: a page of HTML with plots, and a small plot for a terminal.

mod charts;
mod drawing;
mod markup;
mod number;
mod page;
mod plot;
mod terminal;

pub use page::html;
pub use terminal::{plot, summary};
