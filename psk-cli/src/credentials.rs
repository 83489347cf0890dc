use std::io::Read;
use std::path::Path;

use psk_codec::Address;
use psk_crypto::{Credentials, SharedSecret};
use serde::Deserialize;

use crate::args::CredentialsArgs;
use crate::error::Failure;

/// A secret that is not an argument.
const SECRET_VARIABLE: &str = "PSK_SHARED_SECRET";

/// More is no credentials file.
const MAX_FILE_LENGTH: u64 = 65_536;

/// What a credentials file holds. More fields are allowed, so that a line of `psk receive --json` is one.
#[derive(Deserialize)]
struct CredentialsFile {
    destination_account: String,
    shared_secret: String,
}

/// The receiver's credentials, from arguments, a file or the environment. No error repeats a secret.
pub(crate) fn load(args: &CredentialsArgs) -> Result<Credentials, Failure> {
    if let Some(path) = &args.credentials {
        return from_file(path);
    }
    let destination_account = args.destination_account.clone();
    let destination_account =
        destination_account.ok_or_else(|| Failure::usage("--destination-account is missing"))?;
    let (name, text) = match &args.shared_secret {
        Some(text) => ("--shared-secret", text.clone()),
        None => match std::env::var(SECRET_VARIABLE) {
            Ok(text) => (SECRET_VARIABLE, text),
            Err(_) => {
                let message =
                    "no shared secret: give --shared-secret or --credentials, or set PSK_SHARED_SECRET";
                return Err(Failure::usage(message));
            }
        },
    };
    Ok(Credentials { destination_account, shared_secret: shared_secret(name, &text)? })
}

fn shared_secret(name: &str, text: &str) -> Result<SharedSecret, Failure> {
    SharedSecret::from_base64(text.trim()).map_err(|error| Failure::usage(format!("{name}: {error}")))
}

fn from_file(path: &Path) -> Result<Credentials, Failure> {
    let name = if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() };
    let fail = |problem: String| Failure::usage(format!("credentials in {name}: {problem}"));
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().take(MAX_FILE_LENGTH).read_to_string(&mut text),
        false => {
            std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_LENGTH).read_to_string(&mut text))
        }
    };
    read.map_err(|error| fail(error.to_string()))?;
    // serde's messages may quote the text, and the secret with it; where it is wrong is enough.
    let file: CredentialsFile = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        fail(format!(
            "no JSON object with destination_account and shared_secret as text (line {line}, column {column})"
        ))
    })?;
    let destination_account: Address =
        file.destination_account.parse().map_err(|error| fail(format!("destination_account: {error}")))?;
    let shared_secret = SharedSecret::from_base64(&file.shared_secret)
        .map_err(|error| fail(format!("shared_secret: {error}")))?;
    Ok(Credentials { destination_account, shared_secret })
}
