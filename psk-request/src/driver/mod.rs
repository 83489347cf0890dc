//! Requests over a link, with tokio, the system's clock and the system's random source.

mod config;
mod endpoint;
mod handler;
mod router;
mod send;
mod served;

pub use config::ReceiverConfig;
pub use endpoint::{Endpoint, EndpointReceiver, ReceiverError};
pub use handler::{ChunkHandler, IncomingRequest, RejectAll, RequestHandler};
pub use send::{RequestError, send_request};
