//! `psk`: sends and receives Interledger payments with PSKv2. All that it does is done by the libraries beside it.

mod args;
mod commands;
mod credentials;
mod data_files;
mod error;
mod file;
mod link;
mod output;
mod toml_words;
mod words;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Args, Command};
use error::Failure;
use output::Output;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::report_usage(&error),
    };
    let output = Output::new(args.json);
    log_to_stderr(args.log.as_deref());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.report(&Failure::not_done(format!("cannot start: {error}"))),
    };
    match runtime.block_on(run(args.command, &output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.report(&failure),
    }
}

async fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Demo => commands::demo::run(output).await,
        Command::Connector(args) => commands::connector::run(args, output).await,
        Command::Receive(args) => commands::receive::run(args, output).await,
        Command::Send(args) => commands::send::run(args, output).await,
        Command::Quote(args) => commands::quote::run(args, output).await,
        Command::Probe(args) => commands::probe::run(args, output).await,
        Command::Request(args) => commands::request::run(args, output).await,
        Command::Simulate(args) => commands::simulate::run(&args, *output),
    }
}

/// Nothing is logged unless it is asked for: stderr has one line that says what went wrong.
fn log_to_stderr(filter: Option<&str>) {
    if let Some(filter) = filter {
        // At trace, tungstenite logs whole frames, and the token in the first one with them.
        let filter = EnvFilter::new(format!("{filter},tungstenite=debug"));
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}
