use std::sync::Arc;

use psk_plugin::btp::{BtpClient, BtpUrl, Token};

use crate::args::LinkArgs;
use crate::error::Failure;

/// Where to connect, with credentials from the URL or apart from it.
pub(crate) fn url(args: &LinkArgs) -> Result<BtpUrl, Failure> {
    let parsed = match &args.plugin_token {
        Some(token) => {
            BtpUrl::with_credentials(&args.plugin, args.plugin_user.as_deref(), Token::new(token.clone()))
        }
        None if args.plugin_user.is_some() => {
            return Err(Failure::usage("--plugin-user needs --plugin-token or PSK_PLUGIN_TOKEN"));
        }
        None => args.plugin.parse(),
    };
    parsed.map_err(|error| Failure::usage(format!("--plugin: {error}")))
}

/// Connects and authenticates.
pub(crate) async fn connect(url: BtpUrl) -> Result<Arc<BtpClient>, Failure> {
    BtpClient::connect(url).await.map(Arc::new).map_err(Failure::not_done)
}
