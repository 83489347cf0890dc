//! Nothing of what is secret is logged.
#![cfg(feature = "driver")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::link::{Hub, config, recorder};
use psk_codec::{DestinationAmount, Reply};
use psk_crypto::{SharedSecret, SystemRandom};
use psk_request::{Destination, Request};
use tracing::Level;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_and_data_are_not_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let hub = Hub::new().await;
    let (handler, _) = recorder(0);
    let receiver = hub.endpoint.receiver(config(handler.clone())).unwrap();
    let secret = SharedSecret::from_octets(b"a registered secret of 32 octets").unwrap();
    let registered = receiver.register_secret(secret.clone(), "hidden id", handler).unwrap();
    for credentials in [registered, receiver.credentials(b"").unwrap()] {
        let destination = Destination::from(&credentials);
        let request = hub.request().with_data("private words");
        let too_little = Request { minimum: DestinationAmount::MAX, ..request.clone() };
        for request in [&request, &too_little] {
            let outcome = hub.endpoint.send_request(&destination, request).await;
            assert!(outcome.is_ok());
        }
        let (prepare, _) = destination.seal(&request, &mut SystemRandom).unwrap();
        for _ in 0..2 {
            let reply = hub.deliver(prepare.clone()).await.unwrap();
            assert!(matches!(reply, Reply::Fulfill(_)));
        }
        let stripped = psk_codec::Prepare { data: "".into(), ..prepare };
        hub.deliver(stripped).await.unwrap();
    }

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("sending a request") && text.contains("replay"), "{text}");
    let secret = secret.expose_base64url();
    for hidden in ["private words", "pong", "hidden id", "registered secret", &secret] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
