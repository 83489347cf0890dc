use psk_plugin::Plugin;
use psk_quote::{DriverOptions, Quote, RateSegment, quote_by_destination, quote_by_source};
use psk_request::Destination;
use serde_json::{Value, json};

use crate::args::QuoteArgs;
use crate::error::Failure;
use crate::output::{Output, amount, optional_amount};
use crate::{credentials, link, words};

pub(crate) async fn run(args: QuoteArgs, output: &Output) -> Result<(), Failure> {
    let url = link::url(&args.link)?;
    let destination = Destination::from(&credentials::load(&args.credentials)?);
    let server = url.host_and_port();
    let plugin = link::connect(url).await?;
    let options = DriverOptions { timeout: args.timeout, ..DriverOptions::default() };
    let quoted = match (args.amount.source_amount, args.amount.destination_amount) {
        (Some(source), _) => quote_by_source(&*plugin, &destination, source, &options).await,
        (None, Some(wanted)) => quote_by_destination(&*plugin, &destination, wanted, &options).await,
        (None, None) => return Err(Failure::usage("--source-amount or --destination-amount is missing")),
    };
    plugin.close().await;
    let quote = quoted.map_err(|error| Failure::not_done(words::of_quote(&error)).at(&server))?;
    output.emit(to_json(&quote), to_text(&quote));
    Ok(())
}

pub(super) fn to_json(quote: &Quote) -> Value {
    json!({
        "source_amount": amount(quote.source_amount),
        "source_amount_low": amount(quote.source_amount_low),
        "source_amount_high": amount(quote.source_amount_high),
        "destination_amount": amount(quote.destination_amount),
        "destination_amount_low": amount(quote.destination_amount_low),
        "destination_amount_high": amount(quote.destination_amount_high),
        "rate_low": quote.rate.low().to_string(),
        "rate_high": quote.rate.high().to_string(),
        "max_packet_amount": optional_amount(quote.max_packet_amount),
        "max_packet_exact": quote.max_packet_exact,
        "smallest_delivering": amount(quote.smallest_delivering),
        "chunks": quote.plan().chunks(),
        "depends_on_size": quote.depends_on_size(),
        "segments": quote.segments.iter().map(segment_to_json).collect::<Vec<_>>(),
        "best_chunk": optional_amount(quote.best_chunk),
        "exact": quote.exact,
        "rate_moved": quote.rate_moved,
        "probes": quote.probes,
        "expires_at": quote.expires_at.to_string(),
    })
}

fn segment_to_json(segment: &RateSegment) -> Value {
    json!({
        "from": amount(segment.from),
        "to": amount(segment.to),
        "rate_low": segment.rate.low().to_string(),
        "rate_high": segment.rate.high().to_string(),
    })
}

pub(super) fn to_text(quote: &Quote) -> String {
    let Quote { source_amount, destination_amount, .. } = quote;
    let sizes = match quote.max_packet_amount {
        Some(maximum) => format!("in packets of at most {maximum}"),
        None => "in one packet if you like".to_owned(),
    };
    format!(
        "{source_amount} source units deliver {destination_amount} destination units \
         (source {} to {}, destination {} to {}), {sizes}; good for one payment until {}{}",
        quote.source_amount_low,
        quote.source_amount_high,
        quote.destination_amount_low,
        quote.destination_amount_high,
        quote.expires_at,
        remarks(quote),
    )
}

/// What the amounts do not say, each on a line of its own.
fn remarks(quote: &Quote) -> String {
    let mut remarks = String::new();
    let mut add = |remark: &str| {
        remarks.push('\n');
        remarks.push_str(remark);
    };
    if quote.rate_moved {
        add("the rate moved while it was asked for");
    }
    if quote.depends_on_size() {
        add("the rate depends on the size of the packet:");
        for RateSegment { from, to, rate } in &quote.segments {
            add(&format!("  packets of {from} to {to}: from {} to below {}", rate.low(), rate.high()));
        }
    }
    if let Some(best) = quote.best_chunk {
        add(&format!("packets of {best} have a better rate than those of the largest size"));
    }
    if !quote.exact {
        add("not exact: at least this much arrives, as far as was seen, and less may do");
    }
    remarks
}
