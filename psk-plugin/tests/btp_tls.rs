//! `btp+wss`: TLS, ended by a proxy before the server.

#![cfg(all(feature = "btp", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use psk_plugin::Plugin;
use psk_plugin::btp::{BtpClient, BtpClientConfig, BtpServerConfig, BtpUrl, ConnectError};
use rcgen::CertifiedKey;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use support::*;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A proxy for `localhost` that ends TLS: its address and its certificate.
async fn proxy(server: SocketAddr) -> (SocketAddr, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Fails when the client does not trust the certificate.
                if let Ok(mut client) = acceptor.accept(stream).await {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    (address, cert.der().clone())
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_fit_the_host() {
    let server = server(BtpServerConfig::default()).await;
    server.account("alice").set_handler(Some(echo()));
    let (address, certificate) = proxy(server.local_addr()).await;
    let config = |host: &str, extra_roots| BtpClientConfig {
        extra_roots,
        ..format!("btp+wss://alice:secret@{host}:{}", address.port()).parse::<BtpUrl>().unwrap().into()
    };
    let trusting = config("localhost", vec![certificate.clone()]);
    let client = BtpClient::connect(trusting).await.unwrap();
    fulfilled(client.send(prepare("test.x", 1)).await.unwrap());
    for distrusting in [config("localhost", vec![]), config("127.0.0.1", vec![certificate])] {
        let error = BtpClient::connect(distrusting).await.unwrap_err();
        assert!(matches!(error, ConnectError::WebSocket { .. }), "{error}");
    }
}
