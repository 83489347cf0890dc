use psk_plugin::Plugin;
use psk_quote::{DriverOptions, Quote, quote_by_destination, quote_by_source};
use psk_request::Destination;
use serde_json::{Value, json};

use crate::args::QuoteArgs;
use crate::error::Failure;
use crate::output::{Output, amount, optional_amount};
use crate::{credentials, link};

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
    let quote = quoted.map_err(|error| Failure::not_done(error).at(&server))?;
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
        "smallest_delivering": amount(quote.smallest_delivering),
        "exact": quote.exact,
        "rate_moved": quote.rate_moved,
        "probes": quote.probes,
        "expires_at": quote.expires_at.to_string(),
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
         (source {} to {}, destination {} to {}), {sizes}; good until {}",
        quote.source_amount_low,
        quote.source_amount_high,
        quote.destination_amount_low,
        quote.destination_amount_high,
        quote.expires_at,
    )
}
