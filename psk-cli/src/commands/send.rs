use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use psk_chunking::send::{Account, MinimumRate, SendConfig, SendError, SendReport, Target};
use psk_chunking::{Progress, RunningPayment, send_payment};
use psk_codec::psk::PaymentId;
use psk_codec::{DestinationAmount, SourceAmount};
use psk_crypto::{Credentials, Random, SystemRandom};
use psk_plugin::{Clock, Plugin};
use serde_json::{Value, json};

use super::Stop;
use crate::args::SendArgs;
use crate::error::Failure;
use crate::output::{Output, amount, base64url};
use crate::{credentials, link};

/// One percent: see [`SendConfig::minimum_rate`].
const DEFAULT_SLIPPAGE_PPM: u32 = 10_000;

pub(crate) async fn run(args: SendArgs, output: &Output) -> Result<(), Failure> {
    let url = link::url(&args.link)?;
    let credentials = credentials::load(&args.credentials)?;
    let config = config(&args)?;
    let payment_id = config.payment_id;
    let stop = Stop::new()?;
    let server = url.host_and_port();
    let plugin = match link::connect(url).await {
        Ok(plugin) => plugin,
        Err(failure) => {
            // Nothing was sent; the account says so.
            output.emit_json(account_json("failed", payment_id, &Account::default(), Some(&failure.message)));
            return Err(failure.told());
        }
    };
    let report = pay(plugin.clone(), &credentials, config, stop, output).await;
    plugin.close().await;
    output.emit(to_json(&report), to_text(&report));
    match &report.error {
        None => Ok(()),
        Some(SendError::Cancelled) => Err(Failure::not_done("payment cancelled").told()),
        Some(error) => {
            let message = format!("payment {}: {error}", status_words(&report));
            Err(Failure::not_done(message).at(&server).told())
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
        ..SendConfig::new(target, fresh_payment_id())
    })
}

/// Random, as every payment's id has to be.
pub(super) fn fresh_payment_id() -> PaymentId {
    let mut octets = [0; 16];
    SystemRandom.fill_secure(&mut octets);
    PaymentId::new(octets)
}

/// Pays, with a progress bar on a terminal. Ctrl-C cancels; what is in flight is still awaited.
pub(super) async fn pay(
    plugin: Arc<dyn Plugin>,
    credentials: &Credentials,
    config: SendConfig,
    mut stop: Stop,
    output: &Output,
) -> SendReport {
    let target = config.target;
    let payment = send_payment(plugin, credentials, config, Clock::system());
    let bar = output.shows_progress().then(|| progress_bar(target));
    let control = payment.control();
    let cancel = tokio::spawn(async move {
        stop.wanted().await;
        control.cancel();
    });
    let report = watch(payment, target, bar.as_ref(), output).await;
    cancel.abort();
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    report
}

async fn watch(
    payment: RunningPayment,
    target: Target,
    bar: Option<&ProgressBar>,
    output: &Output,
) -> SendReport {
    let mut progress = payment.progress();
    let mut path_told = false;
    let finished = payment.finished();
    tokio::pin!(finished);
    loop {
        tokio::select! {
            biased;
            Ok(()) = progress.changed() => {
                let now = *progress.borrow_and_update();
                if !path_told && let Some(path) = path_json(&now) {
                    output.emit_json(path);
                    path_told = true;
                }
                if let Some(bar) = bar {
                    bar.set_position(position(&now.account, target));
                }
            }
            report = &mut finished => return report,
        }
    }
}

fn path_json(progress: &Progress) -> Option<Value> {
    let rate = progress.rate?;
    Some(json!({
        "event": "path",
        "rate_low": rate.low().to_string(),
        "rate_high": rate.high().to_string(),
        "max_packet_amount": amount(progress.max_packet_amount?),
    }))
}

fn progress_bar(target: Target) -> ProgressBar {
    let (length, unit) = match target {
        Target::Source(amount) => (amount.units(), "source units sent"),
        Target::Destination(amount) => (amount.units(), "destination units delivered"),
    };
    let bar = ProgressBar::new(length).with_message(unit);
    let template = "{bar:40} {human_pos}/{human_len} {msg} ({elapsed})";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn position(account: &Account, target: Target) -> u64 {
    match target {
        Target::Source(_) => account.source_sent.units(),
        Target::Destination(_) => account.delivered.units(),
    }
}

fn status_name(report: &SendReport) -> &'static str {
    match &report.error {
        None => "completed",
        Some(SendError::Cancelled) => "cancelled",
        Some(SendError::IdleTimeout | SendError::TotalTimeout) => "timed_out",
        Some(SendError::InDoubt) => "in_doubt",
        Some(SendError::Unverified) => "unverified",
        Some(_) => "failed",
    }
}

fn status_words(report: &SendReport) -> String {
    status_name(report).replace('_', " ")
}

pub(super) fn to_json(report: &SendReport) -> Value {
    let error = report.error.as_ref().map(ToString::to_string);
    account_json(status_name(report), report.payment_id, &report.account, error.as_deref())
}

fn account_json(status: &str, payment_id: PaymentId, account: &Account, error: Option<&str>) -> Value {
    json!({
        "status": status,
        "payment_id": base64url(payment_id.octets()),
        "source_sent": amount(account.source_sent),
        "delivered": amount(account.delivered),
        "unverified": amount(account.unverified),
        "in_doubt": amount(account.in_doubt),
        "chunks_fulfilled": account.chunks_fulfilled,
        "chunks_rejected": account.chunks_rejected,
        "error": error,
    })
}

pub(super) fn to_text(report: &SendReport) -> String {
    let Account { source_sent, delivered, unverified, in_doubt, .. } = report.account;
    let mut text = format!(
        "{}: {source_sent} source units sent, {delivered} destination units delivered, in {} chunks ({} rejected)",
        status_words(report),
        report.account.chunks_fulfilled,
        report.account.chunks_rejected,
    );
    if unverified > DestinationAmount::ZERO {
        text.push_str(&format!("; up to {unverified} more destination units unverified"));
    }
    if in_doubt > SourceAmount::ZERO {
        text.push_str(&format!("; {in_doubt} source units in doubt"));
    }
    text
}
