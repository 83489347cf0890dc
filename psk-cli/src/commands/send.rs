use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use psk_chunking::send::{Account, MinimumRate, SendConfig, SendError, SendReport, Target};
use psk_chunking::{
    ExpectedRefund, PathProgress, Progress, ReceivedData, RefundListener, RunningPayment, send_payment_over,
};
use psk_codec::SourceAmount;
use psk_codec::psk::PaymentId;
use psk_crypto::{Credentials, Random, SystemRandom};
use psk_plugin::btp::BtpUrl;
use psk_plugin::{AccountDetails, Clock, Plugin};
use psk_request::Endpoint;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::Stop;
use crate::args::SendArgs;
use crate::error::Failure;
use crate::output::{Output, amount, base64url, readable};
use crate::{credentials, file, link};

mod report;

pub(super) use report::Paid;
use report::nothing_sent;

/// One percent: see [`SendConfig::minimum_rate`].
const DEFAULT_SLIPPAGE_PPM: u32 = 10_000;
/// How long a connector may take to say who we are; without that there is no refund.
const DETAILS_PATIENCE: Duration = Duration::from_secs(5);

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
        None => Ok(()),
        Some(SendError::Cancelled) => Err(Failure::not_done("payment cancelled").told()),
        Some(error) => {
            let message = format!("payment {}: {error}", paid.status_words());
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

/// The ways to the receiver, and the one back.
pub(super) struct Ways {
    pub(super) plugins: Vec<Arc<dyn Plugin>>,
    pub(super) refund: Option<ExpectedRefund>,
}

impl Ways {
    async fn connect(
        urls: Vec<BtpUrl>,
        args: &SendArgs,
        credentials: &Credentials,
        payment_id: PaymentId,
        output: &Output,
    ) -> Result<Self, Failure> {
        let patience = args.timeout.map_or(DETAILS_PATIENCE, |limit| limit.min(DETAILS_PATIENCE));
        let several = urls.len() > 1;
        let mut ways = Self { plugins: Vec::new(), refund: None };
        let mut asset: Option<AccountDetails> = None;
        for url in urls {
            let server = url.host_and_port();
            let plugin: Arc<dyn Plugin> = link::connect(url).await?;
            ways.plugins.push(plugin.clone());
            if several {
                let details = details(&plugin, patience).await.map_err(|failure| failure.at(&server))?;
                let first = asset.get_or_insert(details.clone());
                if (&first.asset_code, first.asset_scale) != (&details.asset_code, details.asset_scale) {
                    let message = "--plugin: our accounts at the connectors are in different assets";
                    return Err(Failure::usage(message).at(&server));
                }
            }
        }
        if !args.no_refund
            && let Some(plugin) = ways.plugins.first()
        {
            match expect_refund(plugin, credentials, payment_id, patience).await {
                Ok(refund) => ways.refund = Some(refund),
                Err(failure) => output.emit(
                    json!({"event": "no_refund", "reason": failure.message}),
                    format!("nothing can be refunded: {}", failure.message),
                ),
            }
        }
        Ok(ways)
    }

    /// Takes nothing back any more, and hangs up. What has come back until then, if anything may.
    async fn close(self) -> Option<SourceAmount> {
        let refunded = self.refund.as_ref().map(ExpectedRefund::watch);
        drop(self.refund);
        for plugin in self.plugins {
            plugin.close().await;
        }
        refunded.map(|refunded| *refunded.borrow())
    }
}

async fn details(plugin: &Arc<dyn Plugin>, patience: Duration) -> Result<AccountDetails, Failure> {
    let unknown = |reason: String| Failure::not_done(format!("our account is not known: {reason}"));
    match timeout(patience, plugin.details()).await {
        Ok(details) => details.map_err(|error| unknown(error.to_string())),
        Err(_) => Err(unknown("no answer in time".to_owned())),
    }
}

/// Listens where the money of this payment may come back to.
async fn expect_refund(
    plugin: &Arc<dyn Plugin>,
    credentials: &Credentials,
    payment_id: PaymentId,
    patience: Duration,
) -> Result<ExpectedRefund, Failure> {
    let details = details(plugin, patience).await?;
    let endpoint = Endpoint::with_details(plugin.clone(), Clock::system(), details);
    let listener = RefundListener::new(&endpoint).map_err(Failure::not_done)?;
    listener.expect(credentials, payment_id).map_err(Failure::not_done)
}

/// Pays, with a progress bar on a terminal. Ctrl-C cancels; what is in flight is still awaited, and what may come back
/// until there is another one.
pub(super) async fn pay(
    ways: &Ways,
    credentials: &Credentials,
    config: SendConfig,
    mut stop: Stop,
    output: &Output,
) -> Paid {
    let (target, has_data) = (config.target, config.data.is_some());
    let (plugins, refund) = (ways.plugins.clone(), ways.refund.clone());
    let mut payment = send_payment_over(plugins, credentials, config, refund, Clock::system());
    let bar = output.shows_progress().then(|| progress_bar(target));
    let control = payment.control();
    let cancel = tokio::spawn(async move {
        stop.wanted().await;
        control.cancel();
        stop.wanted().await;
        control.give_up_refund();
    });
    let received = payment.received_data();
    let progress = payment.progress();
    let report = watch(payment, target, bar.as_ref(), output).await;
    cancel.abort();
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if let Some(received) = received {
        tell_received(received, output).await;
    }
    let data = has_data.then(|| progress.borrow().data);
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
    bar: Option<&ProgressBar>,
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
                if let Some(bar) = bar {
                    bar.set_position(position(&now.account, target));
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
