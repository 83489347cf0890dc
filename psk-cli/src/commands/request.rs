use std::path::Path;

use bytes::Bytes;
use psk_codec::DestinationAmount;
use psk_plugin::{Clock, Plugin};
use psk_request::{Delivered, Destination, Outcome, Rejection, Request, RequestError, send_request};
use serde_json::{Value, json};

use crate::args::RequestArgs;
use crate::error::Failure;
use crate::output::{Output, amount, base64url, optional_amount, readable};
use crate::{credentials, link};

pub(crate) async fn run(args: RequestArgs, output: &Output) -> Result<(), Failure> {
    let url = link::url(&args.link)?;
    let credentials = credentials::load(&args.credentials)?;
    let data = match (&args.data, &args.data_file) {
        (Some(text), _) => Bytes::from(text.clone()),
        (None, Some(path)) => read_data(path)?,
        (None, None) => Bytes::new(),
    };
    let server = url.host_and_port();
    let plugin = link::connect(url).await?;
    let expires_at = Clock::system().now().saturating_add(args.timeout);
    let request = match (args.unfulfillable, args.min_destination_amount) {
        (true, _) => Request::unfulfillable(args.amount, expires_at),
        (false, Some(minimum)) => Request::new(args.amount, minimum, expires_at),
        (false, None) => Request::at_any_rate(args.amount, expires_at),
    };
    let destination = Destination::from(&credentials);
    let sent = send_request(&*plugin, &destination, &request.with_data(data)).await;
    plugin.close().await;
    let outcome = sent.map_err(|error| describe(&error).at(&server))?;
    report(&outcome, &destination, output).map_err(|failure| failure.at(&server))
}

/// A request that carries more than fits is refused when it is sealed; this only keeps memory small.
const MAX_FILE_LENGTH: u64 = 1 << 20;

fn read_data(path: &Path) -> Result<Bytes, Failure> {
    let fail = |problem: String| Failure::usage(format!("--data-file {}: {problem}", path.display()));
    let length = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
    if length > MAX_FILE_LENGTH {
        return Err(fail(format!("{length} octets do not fit into a request")));
    }
    std::fs::read(path).map(Bytes::from).map_err(|error| fail(error.to_string()))
}

fn describe(error: &RequestError) -> Failure {
    match error {
        RequestError::Seal(problem) => Failure::usage(format!("--data: {problem}")),
        error if error.is_outcome_unknown() => {
            Failure::not_done(format!("{error} (the amount may have moved)"))
        }
        error => Failure::not_done(error),
    }
}

fn report(outcome: &Outcome, destination: &Destination, output: &Output) -> Result<(), Failure> {
    output.emit(to_json(outcome), to_text(outcome));
    match outcome {
        Outcome::Fulfilled { .. } => Ok(()),
        Outcome::Rejected(rejection) if rejection.knows_only_chunks(destination.account()) => {
            Err(Failure::not_done("the receiver takes chunked payments only (use psk send), or the shared secret is not that of this account").told())
        }
        Outcome::Rejected(rejection) => {
            Err(Failure::not_done(format!("rejected with {}{}", rejection.code, explained(rejection))).told())
        }
        Outcome::InvalidFulfillment => {
            let message = "the connector answered with a wrong fulfillment (the amount may have moved)";
            Err(Failure::not_done(message).told())
        }
    }
}

fn explained(rejection: &Rejection) -> String {
    match rejection.message_text() {
        text if text.is_empty() => String::new(),
        text => format!(": {}", text.escape_debug()),
    }
}

pub(super) fn to_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Fulfilled { delivered, data } => json!({
            "fulfilled": true,
            "destination_amount": amount(delivered.lower_bound()),
            "verified": delivered.is_verified(),
            "data": base64url(data),
            "code": null,
            "message": null,
        }),
        Outcome::Rejected(rejection) => {
            let authentic = rejection.authenticated.as_ref();
            let arrived: Option<DestinationAmount> = authentic.map(|answer| answer.amount);
            json!({
                "fulfilled": false,
                "destination_amount": optional_amount(arrived),
                "verified": arrived.is_some(),
                "data": base64url(authentic.map_or(&[][..], |answer| &answer.data)),
                "code": rejection.code.to_string(),
                "message": rejection.message_text(),
                "triggered_by": rejection.triggered_by.as_ref().map(ToString::to_string),
                "unauthenticated_data": base64url(&rejection.unauthenticated_data),
            })
        }
        Outcome::InvalidFulfillment => json!({
            "fulfilled": false,
            "destination_amount": null,
            "verified": false,
            "data": "",
            "code": null,
            "message": "wrong fulfillment",
        }),
    }
}

pub(super) fn to_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Fulfilled { delivered, data } => {
            let arrived = match delivered {
                Delivered::Exact(amount) => format!("{amount} units arrived"),
                Delivered::AtLeast(amount) => format!("at least {amount} units arrived"),
            };
            format!("fulfilled: {arrived}; answer: {}", readable(data))
        }
        Outcome::Rejected(rejection) => match &rejection.authenticated {
            Some(answer) => format!(
                "not fulfilled ({}): {} units would have arrived; answer: {}",
                rejection.code,
                answer.amount,
                readable(&answer.data)
            ),
            None => format!("not fulfilled ({}{})", rejection.code, explained(rejection)),
        },
        Outcome::InvalidFulfillment => "not fulfilled: wrong fulfillment".to_owned(),
    }
}
