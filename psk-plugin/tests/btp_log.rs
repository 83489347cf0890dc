//! Tokens do not reach the log, whoever is let in and whoever is not.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use psk_plugin::Plugin;
use psk_plugin::btp::{BtpClient, BtpServerConfig, BtpUrl};
use support::*;
use tracing_subscriber::EnvFilter;

/// Everything that is logged.
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

#[tokio::test]
async fn tokens_are_not_logged() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        // The WebSocket library logs whole frames below that, see the documentation of `btp`.
        .with_env_filter(EnvFilter::new("trace,tungstenite=debug"))
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let server = server(BtpServerConfig::default()).await;
    server.account("alice").set_handler(Some(echo()));
    let client = BtpClient::connect(impatient(url(&server))).await.unwrap();
    fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
    let mut state = client.state();
    state.borrow_and_update();
    server.account("alice").close().await;
    state.changed().await.unwrap();
    fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
    let wrong = format!("btp+ws://alice:wr0ng@{}", server.local_addr());
    BtpClient::connect(wrong.parse::<BtpUrl>().unwrap()).await.unwrap_err();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("BTP client refused"), "{text}");
    assert!(!text.contains("secret") && !text.contains("wr0ng"), "{text}");
}
