//! What came of a simulation, for people: a page of HTML with plots, and a small plot for a terminal.

mod captions;
mod changes;
mod charts;
mod codes;
mod drawing;
mod facts;
mod head;
mod markup;
mod number;
mod page;
mod plot;
mod rates;
mod story;
mod terminal;
mod words;

pub use page::html;
pub use terminal::{plot, summary};
