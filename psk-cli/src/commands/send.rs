use std::path::Path;

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use psk_chunking::send::{Account, MinimumRate, SendConfig, SendError, SendReport, Target};
use psk_chunking::{DataProgress, PathProgress, Progress, ReceivedData, RunningPayment, send_payment_over};
use psk_codec::SourceAmount;
use psk_codec::psk::PaymentId;
use psk_crypto::{Credentials, Random, SystemRandom};
use psk_plugin::Clock;
use psk_plugin::btp::BtpUrl;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Stop;
use crate::args::SendArgs;
use crate::error::Failure;
use crate::output::{Output, amount, base64url, readable};
use crate::{credentials, file, link, words};

mod report;
mod ways;

pub(super) use report::Paid;
use report::nothing_sent;
pub(super) use ways::Ways;

/// One percent: see [`SendConfig::minimum_rate`].
const DEFAULT_SLIPPAGE_PPM: u32 = 10_000;

pub(crate) async fn run(args: SendArgs, output: &Output) -> Result<(), Failure> {
    let urls = link::urls(&args.links)?;
    let credentials = credentials::load(&args.credentials)?;
    let mut config = config(&args)?;
    let stop = Stop::new()?;
    let begun = Instant::now();
    let servers = urls.iter().map(BtpUrl::host_and_port).collect::<Vec<_>>().join(", ");
    let ways = match Ways::connect(urls, &args, &credentials, config.payment_id, output).await {
        Ok(ways) => ways,
        Err(failure) => {
            // Nothing was sent; the account says so.
            output.emit_json(nothing_sent(config.payment_id, &failure.message));
            return Err(failure.told());
        }
    };
    config.total_timeout = config.total_timeout.map(|limit| limit.saturating_sub(begun.elapsed()));
    let mut paid = pay(&ways, &credentials, config, stop, output).await;
    if let Some(refunded) = ways.close().await {
        paid.report.account.refunded = refunded;
    }
    output.emit(paid.to_json(), paid.to_text());
    match &paid.report.error {
        None if paid.data_is_missing() => {
            Err(Failure::not_done(paid.why_data_is_missing()).at(&servers).told())
        }
        None => Ok(()),
        Some(SendError::Cancelled) => Err(Failure::not_done("payment cancelled").told()),
        Some(error) => {
            let message = format!("payment {}: {}", paid.status_words(), words::of_payment(error));
            Err(Failure::not_done(message).at(&servers).told())
        }
    }
}

fn config(args: &SendArgs) -> Result<SendConfig, Failure> {
    let target = match (args.amount.source_amount, args.amount.destination_amount) {
        (Some(amount), _) => Target::Source(amount),
        (None, Some(amount)) => Target::Destination(amount),
        (None, None) => return Err(Failure::usage("--source-amount or --destination-amount is missing")),
    };
    let minimum_rate = match (args.any_rate, args.min_rate, args.max_slippage) {
        (true, ..) => MinimumRate::AnyRate,
        (false, Some(rate), Some(ppm)) => MinimumRate::Both(rate, ppm),
        (false, Some(rate), None) => MinimumRate::AtLeast(rate),
        (false, None, ppm) => MinimumRate::Slippage(ppm.unwrap_or(DEFAULT_SLIPPAGE_PPM)),
    };
    Ok(SendConfig {
        minimum_rate,
        max_source_amount: args.max_source_amount.unwrap_or(SourceAmount::MAX),
        total_timeout: args.timeout,
        idle_timeout: args.idle_timeout,
        path_policy: args.path_policy,
        refund_timeout: args.refund_timeout,
        max_received_data: args.max_received_data,
        data: args.data_file.as_deref().map(|path| data_to_send(path, args)).transpose()?,
        ..SendConfig::new(target, fresh_payment_id())
    })
}

fn data_to_send(path: &Path, args: &SendArgs) -> Result<Bytes, Failure> {
    if path == Path::new("-") && args.credentials.credentials.as_deref() == Some(path) {
        return Err(Failure::usage("--data-file and --credentials cannot both be stdin"));
    }
    file::read(path).map_err(|error| Failure::usage(format!("--data-file {}: {error}", path.display())))
}

/// Random, as every payment's id has to be.
pub(super) fn fresh_payment_id() -> PaymentId {
    let mut octets = [0; 16];
    SystemRandom.fill_secure(&mut octets);
    PaymentId::new(octets)
}

/// Pays, with a progress bar on a terminal. Ctrl-C cancels; what is in flight is still awaited, and what may come back
/// until there is another one. What is in doubt is awaited then too: it may still be paid, and the account is to say so.
pub(super) async fn pay(
    ways: &Ways,
    credentials: &Credentials,
    config: SendConfig,
    mut stop: Stop,
    output: &Output,
) -> Paid {
    let target = config.target;
    let data_length = config.data.as_ref().map(Bytes::len);
    let (plugins, refund) = (ways.plugins.clone(), ways.refund.clone());
    let mut payment = send_payment_over(plugins, credentials, config, refund, Clock::system());
    let bar = output.shows_progress().then(|| progress_bar(target, data_length));
    let control = payment.control();
    let cancel = tokio::spawn(async move {
        stop.wanted().await;
        control.cancel();
        stop.wanted().await;
        control.give_up_refund();
    });
    let received = payment.received_data();
    let progress = payment.progress();
    let shown = bar.as_ref().map(|bar| (bar, data_length));
    let report = watch(payment, target, shown, output).await;
    cancel.abort();
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if let Some(received) = received {
        tell_received(received, output).await;
    }
    let data = data_length.map(|length| {
        let told = progress.borrow().data;
        // Of an empty file there is nothing to deliver.
        DataProgress { delivered: told.delivered || length == 0, ..told }
    });
    Paid { report, data }
}

/// What the receiver has said beside the money. The payment has ended: all that came is there.
async fn tell_received(mut received: ReceivedData, output: &Output) {
    let mut data = Vec::new();
    while let Some(octets) = received.next().await {
        data.extend_from_slice(&octets);
    }
    let complete = received.is_complete();
    if complete || !data.is_empty() {
        output.emit(
            json!({"event": "data", "length": data.len(), "complete": complete, "data": base64url(&data)}),
            format!(
                "data from the receiver{}: {}",
                if complete { "" } else { ", incomplete" },
                readable(&data)
            ),
        );
    }
}

async fn watch(
    payment: RunningPayment,
    target: Target,
    bar: Option<(&ProgressBar, Option<usize>)>,
    output: &Output,
) -> SendReport {
    let mut progress = payment.progress();
    let mut told = Vec::new();
    let finished = payment.finished();
    tokio::pin!(finished);
    loop {
        tokio::select! {
            biased;
            Ok(()) = progress.changed() => {
                let now = progress.borrow_and_update().clone();
                tell_paths(&now, &mut told, output);
                if let Some((bar, data_length)) = bar {
                    bar.set_position(position(&now.account, target));
                    bar.set_message(message(target, data_length, now.data.acknowledged));
                }
            }
            report = &mut finished => return report,
        }
    }
}

/// Tells of each path once when it is found, and once when it fails.
fn tell_paths(progress: &Progress, told: &mut Vec<(bool, bool)>, output: &Output) {
    told.resize(progress.paths.len(), (false, false));
    for ((place, path), (found, failed)) in progress.paths.iter().enumerate().zip(told) {
        if !*found && let Some(line) = path_json(place, path) {
            output.emit_json(line);
            *found = true;
        }
        if path.failed && !*failed {
            output.emit_json(json!({"event": "path_failed", "path": place}));
            *failed = true;
        }
    }
}

fn path_json(place: usize, path: &PathProgress) -> Option<Value> {
    let rate = path.rate?;
    Some(json!({
        "event": "path",
        "path": place,
        "rate_low": rate.low().to_string(),
        "rate_high": rate.high().to_string(),
        "max_packet_amount": amount(path.max_packet_amount?),
    }))
}

fn progress_bar(target: Target, data_length: Option<usize>) -> ProgressBar {
    let length = match target {
        Target::Source(amount) => amount.units(),
        Target::Destination(amount) => amount.units(),
    };
    let bar = ProgressBar::new(length).with_message(message(target, data_length, 0));
    let template = "{bar:40} {human_pos}/{human_len} {msg} ({elapsed})";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What the numbers before it are, and how far the data is, if there is any.
fn message(target: Target, data_length: Option<usize>, acknowledged: u64) -> String {
    let unit = match target {
        Target::Source(_) => "source units sent",
        Target::Destination(_) => "destination units delivered",
    };
    match data_length {
        Some(length) => format!("{unit}, {acknowledged}/{length} data octets acknowledged"),
        None => unit.to_owned(),
    }
}

fn position(account: &Account, target: Target) -> u64 {
    match target {
        Target::Source(_) => account.source_sent.units(),
        Target::Destination(_) => account.delivered.units(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use psk_codec::DestinationAmount;

    #[test]
    fn the_progress_shows_how_much_of_the_data_is_acknowledged() {
        let target = Target::Destination(DestinationAmount::new(5));
        assert_eq!(
            message(target, Some(300_000), 65_536),
            "destination units delivered, 65536/300000 data octets acknowledged"
        );
        assert_eq!(message(Target::Source(SourceAmount::new(5)), None, 0), "source units sent");
    }
}
