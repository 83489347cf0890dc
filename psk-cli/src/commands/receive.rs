use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use psk_chunking::receive::{EndReason, OnIncomplete, PaymentOffer, ReceiveConfig, ReceiveEvent, Verdict};
use psk_chunking::{PaymentHandler, PaymentReceiver};
use psk_codec::DestinationAmount;
use psk_crypto::{ReceiverSecret, SharedSecret, SystemRandom};
use psk_plugin::btp::{BtpClient, ConnectionState};
use psk_plugin::{Clock, Plugin};
use psk_request::{Decision, Endpoint, EndpointReceiver, IncomingRequest, ReceiverConfig, RequestHandler};
use serde_json::{Value, json};

use super::Stop;
use crate::args::{OnIncompleteArg, ReceiveArgs};
use crate::data_files::{DataFiles, DataTeller};
use crate::error::Failure;
use crate::link;
use crate::output::{Output, amount, base64url, optional_amount, readable};

pub(crate) async fn run(args: ReceiveArgs, output: &Output) -> Result<(), Failure> {
    let url = link::url(&args.link)?;
    let secret = receiver_secret(args.receiver_secret.as_deref())?;
    let mut stop = Stop::new()?;
    let server = url.host_and_port();
    let plugin = link::connect(url).await?;
    let clock = Clock::system();
    let endpoint = Endpoint::attach(plugin.clone(), clock.clone()).await;
    let endpoint = endpoint.map_err(|error| Failure::not_done(error).at(&server))?;
    let files = data_files(args.data_dir.as_deref(), output)?;
    let teller = Teller {
        output: *output,
        verbose: args.verbose,
        response: args.response.into(),
        max_amount: args.max_amount,
        max_data: args.max_data,
        files: files.as_ref().map(DataFiles::teller),
    };
    let limits = ReceiveConfig {
        on_incomplete: match args.on_incomplete {
            OnIncompleteArg::Keep => OnIncomplete::Keep,
            OnIncompleteArg::Refund => OnIncomplete::Refund,
        },
        max_data_length: args.max_data,
        ..ReceiveConfig::default()
    };
    let payments = PaymentReceiver::new(limits, teller.clone(), clock).with_refunds(plugin.clone());
    let config = ReceiverConfig::new(secret).with_chunks(payments.clone()).with_requests(teller);
    let receiver = endpoint.receiver(config).map_err(Failure::not_done)?;
    tell_listening(&endpoint, &receiver, args.key_id.as_bytes(), output)?;
    let ended = tokio::select! {
        () = stop.wanted() => Ok(()),
        ended = follow_link(&plugin, &endpoint, &receiver, args.key_id.as_bytes(), output) => ended,
    };
    payments.stop();
    // Refunds that begin now are given some time; what is left stays here.
    let _ = tokio::time::timeout(LAST_REFUNDS, payments.refunds_paid()).await;
    plugin.close().await;
    // The last lines, and data that is to be written. Not for ever: our output may be read by nobody.
    let _ = tokio::time::timeout(LAST_EVENTS, payments.events_told()).await;
    if let Some(files) = files {
        files.close();
    }
    ended.map_err(|failure: Failure| failure.at(&server))
}

/// How long refunds may take that are under way when the receiver is stopped.
const LAST_REFUNDS: Duration = Duration::from_secs(30);

/// How long whoever reads our output may take to read the last lines.
const LAST_EVENTS: Duration = Duration::from_secs(5);

fn data_files(directory: Option<&Path>, output: &Output) -> Result<Option<DataFiles>, Failure> {
    let Some(directory) = directory else { return Ok(None) };
    let files = DataFiles::open(directory, *output);
    files.map(Some).map_err(|error| Failure::usage(format!("--data-dir {}: {error}", directory.display())))
}

fn receiver_secret(text: Option<&str>) -> Result<ReceiverSecret, Failure> {
    let Some(text) = text else { return Ok(ReceiverSecret::generate(&mut SystemRandom)) };
    // The same form as a shared secret: base64 of 32 octets or more.
    SharedSecret::from_base64(text.trim())
        .and_then(|secret| ReceiverSecret::from_octets(secret.expose_octets()))
        .map_err(|error| Failure::usage(format!("--receiver-secret: {error}")))
}

fn tell_listening(
    endpoint: &Endpoint,
    receiver: &EndpointReceiver,
    key_id: &[u8],
    output: &Output,
) -> Result<(), Failure> {
    let credentials =
        receiver.credentials(key_id).map_err(|error| Failure::usage(format!("--key-id: {error}")))?;
    let details = endpoint.details();
    let (account, secret) = (&credentials.destination_account, credentials.shared_secret.expose_base64url());
    output.emit(
        json!({
            "event": "listening",
            "address": details.address.to_string(),
            "destination_account": account.to_string(),
            "shared_secret": secret,
            "asset_code": details.asset_code,
            "asset_scale": details.asset_scale,
        }),
        format!(
            "receiving {} (scale {}) at {}\ndestination account: {account}\nshared secret: {secret}",
            details.asset_code, details.asset_scale, details.address
        ),
    );
    Ok(())
}

/// After every reconnect the address is asked for again; with another one, credentials are made anew.
async fn follow_link(
    plugin: &Arc<BtpClient>,
    endpoint: &Endpoint,
    receiver: &EndpointReceiver,
    key_id: &[u8],
    output: &Output,
) -> Result<(), Failure> {
    let mut state = plugin.state();
    loop {
        if state.changed().await.is_err() {
            return Err(Failure::not_done("the connection to the connector has ended"));
        }
        match *state.borrow_and_update() {
            ConnectionState::Refused => {
                return Err(Failure::not_done("the connector refuses our credentials since the reconnect"));
            }
            ConnectionState::Closed => return Err(Failure::not_done("the connection was closed")),
            ConnectionState::Connected => {}
            _ => continue,
        }
        let before = endpoint.details();
        match endpoint.refresh().await {
            Ok(details) if details != before => tell_listening(endpoint, receiver, key_id, output)?,
            Ok(_) => {}
            // The next reconnect asks again.
            Err(error) => tracing::warn!(%error, "the address could not be asked for"),
        }
    }
}

/// Accepts everything and tells about it.
#[derive(Clone)]
struct Teller {
    output: Output,
    verbose: bool,
    response: Bytes,
    max_amount: Option<DestinationAmount>,
    max_data: u64,
    files: Option<DataTeller>,
}

#[async_trait]
impl RequestHandler for Teller {
    async fn handle_request(&self, request: IncomingRequest) -> Decision {
        let fulfilled = request.is_payable();
        let verb = if fulfilled { "fulfilled" } else { "not fulfilled" };
        self.emit(
            json!({
                "event": "request",
                "request_id": request.request_id.number(),
                "amount": amount(request.amount),
                "fulfilled": fulfilled,
                "data": base64url(&request.data),
            }),
            format!("request of {} units {verb}, data: {}", request.amount, readable(&request.data)),
        );
        Decision::Accept(self.response.clone())
    }
}

#[async_trait]
impl PaymentHandler for Teller {
    async fn review(&self, offer: PaymentOffer) -> Verdict {
        match self.max_amount {
            None => Verdict::Accept,
            Some(most) if offer.expected.is_some_and(|expected| expected > most) => Verdict::Refuse,
            Some(most) => Verdict::AcceptUpTo(most),
        }
    }

    fn on_event(&self, event: ReceiveEvent) {
        if let Some(files) = &self.files {
            files.tell(&event);
        }
        if let Some((line, text)) = self.line_about(event) {
            self.emit(line, text);
        }
    }
}

impl Teller {
    /// Whoever reads our output may stop reading: the runtime has other threads for what goes on meanwhile.
    fn emit(&self, line: Value, text: String) {
        tokio::task::block_in_place(|| self.output.emit(line, text));
    }

    /// What is said about an event, for programs and for people, if anything is.
    fn line_about(&self, event: ReceiveEvent) -> Option<(Value, String)> {
        match event {
            ReceiveEvent::ChunkFulfilled { payment, sequence, amount: brought, received } if self.verbose => {
                Some((
                    json!({
                        "event": "chunk",
                        "payment_id": base64url(payment.payment_id.octets()),
                        "sequence": sequence.number(),
                        "amount": amount(brought),
                        "received": amount(received),
                    }),
                    format!("chunk {sequence}: {brought} units, {received} in all"),
                ))
            }
            ReceiveEvent::Finished { payment, received, expected, chunks, reason, .. } => {
                let reason = reason_name(reason);
                Some((
                    json!({
                        "event": "payment_finished",
                        "payment_id": base64url(payment.payment_id.octets()),
                        "received": amount(received),
                        "expected": optional_amount(expected),
                        "chunks": chunks,
                        "reason": reason,
                    }),
                    format!("payment finished ({reason}): {received} units in {chunks} chunks"),
                ))
            }
            ReceiveEvent::DataComplete { payment, length } if self.files.is_none() => {
                let payment_id = base64url(payment.payment_id.octets());
                let line = json!({"event": "data", "payment_id": payment_id, "length": length});
                Some((line, format!("data: {length} octets (not kept: there is no --data-dir)")))
            }
            ReceiveEvent::DataCutOff { payment } => {
                let line =
                    json!({"event": "data_cut_off", "payment_id": base64url(payment.payment_id.octets())});
                let most = self.max_data;
                Some((
                    line,
                    format!(
                        "data not taken: not all of it came, or it is longer than {most} octets (--max-data)"
                    ),
                ))
            }
            ReceiveEvent::RefundDue(order) => Some((
                json!({
                    "event": "refund_started",
                    "payment_id": base64url(order.payment.payment_id.octets()),
                    "amount": amount(order.amount),
                }),
                format!("refunding {} units", order.amount),
            )),
            ReceiveEvent::RefundEnded { payment, refunded, total } => Some((
                json!({
                    "event": "refund_ended",
                    "payment_id": base64url(payment.payment_id.octets()),
                    "refunded": amount(refunded),
                    "total": amount(total),
                    "given_up": refunded < total,
                }),
                match refunded < total {
                    true => format!(
                        "refund given up: {refunded} of {total} units have gone back, and all attempts for the rest failed"
                    ),
                    false => format!("refund ended: {refunded} of {total} units have gone back"),
                },
            )),
            _ => None,
        }
    }
}

fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::LastChunk => "last_chunk",
        EndReason::AmountReached => "amount_reached",
        EndReason::Silence => "silence",
        EndReason::Refused => "refused",
        EndReason::LimitReached => "limit_reached",
        EndReason::Aborted => "aborted",
        EndReason::Stopped => "stopped",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use psk_chunking::receive::PaymentKey;
    use psk_codec::psk::PaymentId;

    use super::*;

    fn told(event: impl FnOnce(PaymentKey) -> ReceiveEvent) -> (Value, String) {
        let teller = Teller {
            output: Output::new(true),
            verbose: false,
            response: Bytes::new(),
            max_amount: None,
            max_data: 65_536,
            files: None,
        };
        let payment = PaymentKey { account: "token".parse().unwrap(), payment_id: PaymentId::new([7; 16]) };
        teller.line_about(event(payment)).unwrap()
    }

    #[test]
    fn a_refund_that_was_given_up_is_told_as_such() {
        let ended = |refunded| {
            let [refunded, total] = [refunded, 1_000].map(DestinationAmount::new);
            told(|payment| ReceiveEvent::RefundEnded { payment, refunded, total })
        };
        let (line, text) = ended(1_000);
        assert_eq!(line["given_up"], false);
        assert_eq!(text, "refund ended: 1000 of 1000 units have gone back");
        let (line, text) = ended(0);
        assert_eq!(line["given_up"], true);
        assert!(text.starts_with("refund given up: 0 of 1000 units have gone back"), "{text}");
    }

    #[test]
    fn data_that_is_not_taken_is_told_of_with_the_limit() {
        let (line, text) = told(|payment| ReceiveEvent::DataCutOff { payment });
        assert_eq!(line["event"], "data_cut_off");
        assert!(text.contains("longer than 65536 octets (--max-data)"), "{text}");
    }
}
