use psk_plugin::Plugin;
use psk_quote::{DriverOptions, MaxPacket, max_packet_amount};
use psk_request::Destination;
use serde_json::{Value, json};

use crate::args::ProbeArgs;
use crate::error::Failure;
use crate::output::{Output, optional_amount};
use crate::{credentials, link, words};

pub(crate) async fn run(args: ProbeArgs, output: &Output) -> Result<(), Failure> {
    let url = link::url(&args.link)?;
    let destination = Destination::from(&credentials::load(&args.credentials)?);
    let server = url.host_and_port();
    let plugin = link::connect(url).await?;
    let options = DriverOptions { timeout: args.timeout, ..DriverOptions::default() };
    let found = max_packet_amount(&*plugin, &destination, &options).await;
    plugin.close().await;
    let found = found.map_err(|error| Failure::not_done(words::of_quote(&error)).at(&server))?;
    output.emit(to_json(&found), format!("maximum packet amount: {}", to_text(&found)));
    Ok(())
}

pub(super) fn to_json(found: &MaxPacket) -> Value {
    json!({
        "max_packet_amount": optional_amount(found.max_packet_amount),
        "exact": found.exact,
        "probes": found.probes,
    })
}

/// What was found, as the end of a sentence.
pub(super) fn to_text(found: &MaxPacket) -> String {
    match (found.max_packet_amount, found.exact) {
        (None, _) => format!("none; {} units pass", found.largest_passing),
        (Some(maximum), true) => format!("{maximum} units"),
        (Some(maximum), false) => format!("about {maximum} units at present"),
    }
}
