use std::sync::Arc;

use psk_plugin::btp::{BtpClient, BtpUrl, Token};

use crate::args::{LinkArgs, LinksArgs, LoginArgs};
use crate::error::Failure;

/// Where to connect, with credentials from the URL or apart from it.
pub(crate) fn url(args: &LinkArgs) -> Result<BtpUrl, Failure> {
    parse(&args.plugin, &args.login)
}

/// The same for several places.
pub(crate) fn urls(args: &LinksArgs) -> Result<Vec<BtpUrl>, Failure> {
    args.plugins.iter().map(|plugin| parse(plugin, &args.login)).collect()
}

fn parse(plugin: &str, login: &LoginArgs) -> Result<BtpUrl, Failure> {
    let parsed = match &login.plugin_token {
        Some(token) => {
            BtpUrl::with_credentials(plugin, login.plugin_user.as_deref(), Token::new(token.clone()))
        }
        None if login.plugin_user.is_some() => {
            return Err(Failure::usage("--plugin-user needs --plugin-token or PSK_PLUGIN_TOKEN"));
        }
        None => plugin.parse(),
    };
    parsed.map_err(|error| Failure::usage(format!("--plugin: {error}")))
}

/// Connects and authenticates.
pub(crate) async fn connect(url: BtpUrl) -> Result<Arc<BtpClient>, Failure> {
    BtpClient::connect(url).await.map(Arc::new).map_err(Failure::not_done)
}
