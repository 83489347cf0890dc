use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use psk_chunking::send::PathPolicy;
use psk_codec::{Address, DestinationAmount, SourceAmount};
use psk_quote::Rate;

use crate::error::Failure;
use crate::output::Output;

/// Send and receive Interledger payments with PSKv2.
///
/// Exit status: 0 done, 1 not done, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "psk", version)]
pub(crate) struct Args {
    /// One JSON object per line on stdout; amounts are strings, octets base64url.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to log to stderr, such as `debug` or `psk_plugin=trace`.
    #[arg(long, global = true, value_name = "FILTER", env = "PSK_LOG")]
    pub(crate) log: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole of it on this machine: two connectors, a sender and a receiver, quotes and payments.
    Demo,
    /// Run a small connector.
    Connector(ConnectorArgs),
    /// Receive payments and requests until stopped.
    Receive(ReceiveArgs),
    /// Send a payment in chunks.
    ///
    /// Ctrl-C ends it after what is in flight has been answered, and what the receiver refunds has come back; a second one
    /// ends the waiting for the refund. Packets without an answer are awaited all the same, for half a minute at most,
    /// because they may still be paid.
    Send(SendArgs),
    /// Ask what arrives, or what it costs. This is to be read: psk send asks for itself.
    Quote(QuoteArgs),
    /// Find the path's maximum packet amount.
    Probe(ProbeArgs),
    /// Send one request with data and wait for its answer.
    Request(RequestArgs),
    /// Run payments over a simulated network, on virtual time, and check where every unit went.
    ///
    /// docs/simulate.md tells what stands in a scenario's file, what is checked, and what comes out.
    Simulate(SimulateArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SimulateArgs {
    /// A standard path such as wan, a FILE.toml (docs/simulate.md tells what stands in it), or random, calm or honest for
    /// a world made of the seed.
    #[arg(value_name = "SCENARIO", required_unless_present_any = ["random", "calm", "honest"])]
    pub(crate) scenario: Option<String>,
    /// The seed of all chance: the same one gives the same run.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// So many random worlds, from the seed on, instead of a scenario.
    #[arg(long, value_name = "WORLDS", allow_negative_numbers = true, conflicts_with_all = ["scenario", "trace"])]
    pub(crate) random: Option<u64>,
    /// The same of calm worlds: honest hops and reliable links, where all payments complete.
    #[arg(long, value_name = "WORLDS", allow_negative_numbers = true, conflicts_with_all = ["scenario", "trace", "random"])]
    pub(crate) calm: Option<u64>,
    /// The same of honest worlds: rates, assets, scales, limits and round amounts as they are anywhere, where all payments
    /// complete that can.
    #[arg(long, value_name = "WORLDS", allow_negative_numbers = true, conflicts_with_all = ["scenario", "trace", "random", "calm"])]
    pub(crate) honest: Option<u64>,
    /// Show every event of the network.
    #[arg(long)]
    pub(crate) trace: bool,
    /// Write a page about the run, with plots of every payment over time, to this file.
    #[arg(long, value_name = "FILE.html", conflicts_with_all = ["random", "calm", "honest"])]
    pub(crate) report: Option<std::path::PathBuf>,
    /// Write the scenario to this file, to read it, change it, and run it again.
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["random", "calm", "honest"])]
    pub(crate) save: Option<std::path::PathBuf>,
}

/// Where the network is reached.
#[derive(Debug, ClapArgs)]
pub(crate) struct LinkArgs {
    /// The connector: btp+ws://user:token@host:port/path, or btp+wss:// for TLS.
    #[arg(long, value_name = "URL", env = "PSK_PLUGIN", hide_env_values = true)]
    pub(crate) plugin: String,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

/// Where the network is reached, in several places at once.
#[derive(Debug, ClapArgs)]
pub(crate) struct LinksArgs {
    /// A connector: btp+ws://user:token@host:port/path, or btp+wss:// for TLS. Given several times, the payment goes over
    /// all of them, as --path-policy says, and on over the others when one fails or cannot be reached; our accounts at all
    /// of them must be in the same asset. A refund comes over the first one that is reached.
    #[arg(long = "plugin", value_name = "URL", env = "PSK_PLUGIN", hide_env_values = true, required = true)]
    pub(crate) plugins: Vec<String>,
    #[command(flatten)]
    pub(crate) login: LoginArgs,
}

/// Who we are there.
#[derive(Debug, ClapArgs)]
pub(crate) struct LoginArgs {
    /// The user at the connector, when it is not in the URL; sent as it is.
    #[arg(long, value_name = "USER")]
    pub(crate) plugin_user: Option<String>,
    /// The token at the connector, when it is not in the URL; sent as it is. Arguments can be seen by others: rather
    /// set PSK_PLUGIN_TOKEN.
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        env = "PSK_PLUGIN_TOKEN",
        hide_env_values = true
    )]
    pub(crate) plugin_token: Option<String>,
}

/// Who receives.
#[derive(Debug, ClapArgs)]
pub(crate) struct CredentialsArgs {
    /// The receiver's destination account.
    #[arg(
        long,
        value_name = "ADDRESS",
        conflicts_with = "credentials",
        required_unless_present = "credentials"
    )]
    pub(crate) destination_account: Option<Address>,
    /// The shared secret, base64 or base64url. Arguments can be seen by others: rather set PSK_SHARED_SECRET or use
    /// --credentials.
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true, conflicts_with = "credentials")]
    pub(crate) shared_secret: Option<String>,
    /// A JSON file with destination_account and shared_secret, as `psk receive --json` prints them; - for stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ConnectorArgs {
    /// The configuration (TOML); see docs/connector.example.toml. Without it, the other options make a connector
    /// that lets everybody in as a child.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen; port 0 is any free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7768", conflicts_with = "config")]
    pub(crate) listen: String,
    /// The connector's ILP address.
    #[arg(long, value_name = "ADDRESS", default_value = "test.connector", conflicts_with = "config")]
    pub(crate) address: Address,
    /// The asset of all accounts.
    #[arg(long, value_name = "CODE", default_value = "XRP", conflicts_with = "config")]
    pub(crate) asset_code: String,
    /// One unit is 10^-SCALE of the asset.
    #[arg(
        long,
        value_name = "SCALE",
        allow_negative_numbers = true,
        default_value_t = 9,
        conflicts_with = "config"
    )]
    pub(crate) asset_scale: u8,
    /// The greatest packet that is taken from an account.
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with = "config")]
    pub(crate) max_packet_amount: Option<psk_codec::Amount>,
    /// What is kept of every packet, in parts per million.
    #[arg(
        long,
        value_name = "PPM",
        allow_negative_numbers = true,
        default_value_t = 0,
        conflicts_with = "config"
    )]
    pub(crate) spread_ppm: u32,
    /// How long packets and answers are held, such as 50ms.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = duration, default_value = "0ms", conflicts_with = "config")]
    pub(crate) latency: Duration,
}

/// What to do with the money of a payment that ends incomplete.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OnIncompleteArg {
    /// It stays.
    Keep,
    /// All of it goes back.
    Refund,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReceiveArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    /// The receiver's own secret (base64 or base64url, 32 octets), so that credentials stay good after a restart.
    /// Fresh without it.
    #[arg(
        long,
        value_name = "SECRET",
        allow_hyphen_values = true,
        env = "PSK_RECEIVER_SECRET",
        hide_env_values = true
    )]
    pub(crate) receiver_secret: Option<String>,
    /// Comes back with every packet sent with these credentials; readable by the whole network.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, default_value = "")]
    pub(crate) key_id: String,
    /// What requests are answered with.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, default_value = "")]
    pub(crate) response: String,
    /// What to do with the money of a payment that ends incomplete. A refund goes where the sender has said, over
    /// the same connection.
    #[arg(long, value_name = "POLICY", default_value = "keep")]
    pub(crate) on_incomplete: OnIncompleteArg,
    /// Take at most this much of one payment, in units of our account. A payment that says at its start that it will
    /// bring more is refused.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) max_amount: Option<DestinationAmount>,
    /// Write the data that comes with a payment into this directory: a file for each payment, named for its id, whole
    /// or not at all. The directory is this receiver's alone.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The longest data that a payment may bring, in octets.
    #[arg(long, value_name = "OCTETS", allow_negative_numbers = true, default_value_t = 65_536)]
    pub(crate) max_data: u64,
    /// Tell of each chunk too.
    #[arg(long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, ClapArgs)]
#[group(id = "amount", required = true, multiple = false, args = ["source_amount", "destination_amount"])]
pub(crate) struct AmountArgs {
    /// Send this much, in units of our own account.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = more_than_nothing::<SourceAmount>)]
    pub(crate) source_amount: Option<SourceAmount>,
    /// Deliver this much, in units of the receiver's account.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = more_than_nothing::<DestinationAmount>)]
    pub(crate) destination_amount: Option<DestinationAmount>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) links: LinksArgs,
    #[command(flatten)]
    pub(crate) credentials: CredentialsArgs,
    #[command(flatten)]
    pub(crate) amount: AmountArgs,
    /// Spend at most this much.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) max_source_amount: Option<SourceAmount>,
    /// How far below the rate shown at the start every chunk may fall, in percent [default: 1, or nothing to do with
    /// it when --min-rate is given].
    #[arg(long, value_name = "PERCENT", value_parser = percent_as_ppm, allow_negative_numbers = true)]
    pub(crate) max_slippage: Option<u32>,
    /// The least that every chunk must deliver, in destination units per source unit: 0.37 or 37/100.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub(crate) min_rate: Option<Rate>,
    /// Take any rate: hops and receiver may keep all of the money.
    #[arg(long, conflicts_with_all = ["min_rate", "max_slippage"])]
    pub(crate) any_rate: bool,
    /// End the payment after so long, such as 90, 30s or 5m.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = some_time)]
    pub(crate) timeout: Option<Duration>,
    /// End the payment when nothing was fulfilled for so long.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = some_time, default_value = "60s")]
    pub(crate) idle_timeout: Duration,
    /// Which of several --plugin are used: cheapest (those with the best rate), fastest (all, by their round trips) or
    /// weighed:PERCENT (all that cost at most so much more than the cheapest).
    #[arg(long, value_name = "POLICY", value_parser = path_policy, default_value = "weighed:1")]
    pub(crate) path_policy: PathPolicy,
    /// What goes to the receiver beside the money; - for stdin. All of it is read before the payment begins. When the
    /// receiver does not take it, the money is delivered all the same, and the exit status is 1.
    #[arg(long, value_name = "FILE")]
    pub(crate) data_file: Option<PathBuf>,
    /// Do not tell the receiver where to send the money back when the payment fails half way, nor wait for it.
    #[arg(long)]
    pub(crate) no_refund: bool,
    /// How long to wait for more of a refund since something last came back.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = duration, default_value = "60s")]
    pub(crate) refund_timeout: Duration,
    /// The longest data that the receiver may send back, in octets. Longer data is dropped, and the payment goes on.
    #[arg(long, value_name = "OCTETS", allow_negative_numbers = true, default_value_t = 65_536)]
    pub(crate) max_received_data: u64,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct QuoteArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) credentials: CredentialsArgs,
    #[command(flatten)]
    pub(crate) amount: AmountArgs,
    /// Give up after so long.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = some_time, default_value = "30s")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) credentials: CredentialsArgs,
    /// Give up after so long.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = some_time, default_value = "30s")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) credentials: CredentialsArgs,
    /// What to send with it, in units of our own account.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) amount: SourceAmount,
    /// The least that must arrive, in units of the receiver's account. Without it, anything will do.
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with = "unfulfillable")]
    pub(crate) min_destination_amount: Option<DestinationAmount>,
    /// What to say.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "data_file")]
    pub(crate) data: Option<String>,
    /// What to say, from a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) data_file: Option<PathBuf>,
    /// Only ask: no money can move.
    #[arg(long)]
    pub(crate) unfulfillable: bool,
    /// How long the request is valid.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = some_time, default_value = "30s")]
    pub(crate) timeout: Duration,
}

/// An amount that can be paid.
fn more_than_nothing<T: FromStr<Err: Display> + Default + PartialEq>(text: &str) -> Result<T, String> {
    let amount: T = text.parse().map_err(|error: T::Err| error.to_string())?;
    if amount == T::default() { Err("the amount is zero".to_owned()) } else { Ok(amount) }
}

/// A number of seconds, or of a unit: 90, 30s, 500ms, 5m, 2h.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "not a time such as 90, 30s, 500ms or 5m".to_owned())?;
    let millis = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(format!("unknown unit {unit:?} (ms, s, m, h)")),
    };
    let longest = Duration::from_secs(100 * 365 * 86_400);
    let time = millis.map(Duration::from_millis).filter(|time| *time <= longest);
    time.ok_or_else(|| "longer than a hundred years".to_owned())
}

/// A time in which something can happen.
fn some_time(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time.is_zero() { Err("the time is zero".to_owned()) } else { Ok(time) }
}

/// Such as `cheapest` or `weighed:2.5`.
fn path_policy(text: &str) -> Result<PathPolicy, String> {
    match text.split_once(':') {
        None if text == "cheapest" => Ok(PathPolicy::Cheapest),
        None if text == "fastest" => Ok(PathPolicy::Fastest),
        None if text == "weighed" => percent_as_ppm("1").map(PathPolicy::Weighed),
        Some(("weighed", percent)) => percent_as_ppm(percent).map(PathPolicy::Weighed),
        _ => Err("not cheapest, fastest or weighed:PERCENT".to_owned()),
    }
}

/// A percentage with up to four decimals, in parts per million.
fn percent_as_ppm(text: &str) -> Result<u32, String> {
    let error = || "not a percentage from 0 to 100 with at most four decimals".to_owned();
    let percent: Rate = text.parse().map_err(|_| error())?;
    let ppm = percent.worth_floor(SourceAmount::new(10_000)).units();
    let exact = percent.worth_ceil(SourceAmount::new(10_000)).units() == ppm;
    u32::try_from(ppm).ok().filter(|&ppm| exact && ppm <= psk_quote::PPM).ok_or_else(error)
}

/// Says what is wrong with the arguments, in one line; help and version in full.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = write!(std::io::stdout(), "{error}");
        return ExitCode::SUCCESS;
    }
    let line = stray_value(error).unwrap_or_else(|| first_paragraph(&error.to_string()));
    // The arguments were not understood, so they are looked at for this one by hand.
    let json = std::env::args_os().any(|argument| argument == "--json");
    Output::new(json).report(&Failure::usage(format!("{line} (see psk --help)")))
}

/// A value without its option is not repeated: it may be a URL with a token or a secret.
fn stray_value(error: &clap::Error) -> Option<String> {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if error.kind() == ErrorKind::UnknownArgument => argument,
        _ => return None,
    };
    let is_option = argument.starts_with("--");
    (!is_option).then(|| "a value without an option before it".to_owned())
}

/// What clap says, without the usage and the hint at --help, which follow after an empty line.
fn first_paragraph(text: &str) -> String {
    let problem = text.strip_prefix("error: ").unwrap_or(text);
    let lines = problem.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn times_and_percentages_are_read_exactly() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for text in ["", "s", "1.5", "-1", "1d", "99999999999999999999", "9999999999h"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        assert_eq!(some_time("1ms"), Ok(Duration::from_millis(1)));
        for text in ["0", "0ms", "00h"] {
            assert_eq!((duration(text), some_time(text).is_err()), (Ok(Duration::ZERO), true), "{text:?}");
        }
        assert_eq!(percent_as_ppm("1"), Ok(10_000));
        assert_eq!(percent_as_ppm("0.0001"), Ok(1));
        assert_eq!(percent_as_ppm("100"), Ok(1_000_000));
        for text in ["0.00001", "100.1", "-1", "x"] {
            assert!(percent_as_ppm(text).is_err(), "{text:?}");
        }
    }
    #[test]
    fn path_policies_are_read() {
        assert_eq!(path_policy("cheapest"), Ok(PathPolicy::Cheapest));
        assert_eq!(path_policy("fastest"), Ok(PathPolicy::Fastest));
        assert_eq!(path_policy("weighed"), Ok(PathPolicy::Weighed(10_000)));
        assert_eq!(path_policy("weighed:2.5"), Ok(PathPolicy::Weighed(25_000)));
        for text in ["", "slowest", "cheapest:1", "weighed:", "weighed:101", "weighed:-1", ":"] {
            assert!(path_policy(text).is_err(), "{text:?}");
        }
    }
}
