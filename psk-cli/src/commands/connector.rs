use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use psk_plugin::btp::{
    AnyToken, Authenticator, BtpClient, BtpServer, BtpServerConfig, BtpUrl, StaticTokens, Token,
};
use psk_plugin::connector::{AccountConfig, Connector, ConnectorConfig, Relation};
use psk_plugin::{Clock, Plugin};
use serde::Deserialize;
use serde_json::json;

use super::Stop;
use crate::args::ConnectorArgs;
use crate::error::Failure;
use crate::output::Output;
use crate::toml_words;

/// What a connector's TOML file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Where clients connect; none without it.
    pub(super) listen: Option<String>,
    /// Address, accounts, routes, rates.
    pub(super) connector: ConnectorConfig,
    /// How each account is reached.
    #[serde(default)]
    pub(super) links: BTreeMap<String, LinkConfig>,
    /// The terms of everybody else who connects; without them, nobody else may.
    pub(super) guests: Option<AccountConfig>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkConfig {
    /// A client connects with the account's name as user and this token.
    token: Option<String>,
    /// We connect to this BTP server.
    url: Option<String>,
}

impl LinkConfig {
    pub(super) fn with_token(token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), url: None }
    }

    pub(super) fn with_url(url: impl Into<String>) -> Self {
        Self { token: None, url: Some(url.into()) }
    }
}

/// So many guests are remembered.
const MAX_GUESTS: usize = 10_000;

pub(crate) async fn run(args: ConnectorArgs, output: &Output) -> Result<(), Failure> {
    let config = match &args.config {
        Some(path) => from_file(path)?,
        None => from_flags(&args),
    };
    let mut stop = Stop::new()?;
    let running = start(config).await?;
    running.tell_listening(output);
    stop.wanted().await;
    running.stop().await;
    Ok(())
}

fn from_flags(args: &ConnectorArgs) -> Config {
    let guests = AccountConfig {
        max_packet_amount: args.max_packet_amount,
        ..AccountConfig::new(Relation::Child, args.asset_code.clone(), args.asset_scale)
    };
    let connector = ConnectorConfig {
        address: Some(args.address.clone()),
        spread_ppm: args.spread_ppm,
        latency_ms: u64::try_from(args.latency.as_millis()).unwrap_or(u64::MAX),
        ..ConnectorConfig::default()
    };
    Config { listen: Some(args.listen.clone()), connector, links: BTreeMap::new(), guests: Some(guests) }
}

fn from_file(path: &Path) -> Result<Config, Failure> {
    let fail = |problem: String| Failure::usage(format!("--config {}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    // The message alone: the excerpt that comes with it may show a token.
    toml::from_str(&text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let line = text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1);
        fail(format!("line {line}: {}", toml_words::message_of(&error)))
    })
}

/// A connector that runs until it is dropped.
pub(super) struct Running {
    connector: Connector,
    server: Option<BtpServer>,
    clients: Vec<Arc<BtpClient>>,
}

pub(super) async fn start(config: Config) -> Result<Running, Failure> {
    if let Some(name) = config.links.keys().find(|name| !config.connector.accounts.contains_key(*name)) {
        return Err(Failure::usage(format!("links.{name}: there is no such account")));
    }
    let parent = config.connector.accounts.values().any(|account| account.relation == Relation::Parent);
    let inherits = config.connector.address.is_none() && parent;
    let connector = Connector::new(config.connector, Clock::system()).map_err(Failure::usage)?;
    let clients = connect_links(&connector, &config.links).await?;
    if inherits {
        connector.inherit_address().await.map_err(Failure::not_done)?;
    }
    let server = match &config.listen {
        Some(listen) => Some(listen_for_links(&connector, listen, &config.links, config.guests).await?),
        None => None,
    };
    Ok(Running { connector, server, clients })
}

async fn connect_links(
    connector: &Connector,
    links: &BTreeMap<String, LinkConfig>,
) -> Result<Vec<Arc<BtpClient>>, Failure> {
    let mut clients = Vec::new();
    for (name, link) in links {
        let Some(url) = &link.url else { continue };
        let fail = |problem: String| format!("links.{name}: {problem}");
        let url: BtpUrl = url
            .parse()
            .map_err(|error: psk_plugin::btp::BtpUrlError| Failure::usage(fail(error.to_string())))?;
        let client =
            BtpClient::connect(url).await.map_err(|error| Failure::not_done(fail(error.to_string())))?;
        let client = Arc::new(client);
        connector.attach(name, client.clone()).map_err(Failure::usage)?;
        clients.push(client);
    }
    Ok(clients)
}

async fn listen_for_links(
    connector: &Connector,
    listen: &str,
    links: &BTreeMap<String, LinkConfig>,
    guests: Option<AccountConfig>,
) -> Result<BtpServer, Failure> {
    let with_token = links.iter().filter_map(|(name, link)| Some((name, link.token.as_ref()?)));
    let mut members = StaticTokens::new();
    let mut names = Vec::new();
    for (name, token) in with_token {
        members = members.with(name.clone(), &Token::new(token.clone()));
        names.push(name.clone());
    }
    let door = Door { members, names, guests: guests.as_ref().map(|_| AnyToken::new(MAX_GUESTS)) };
    let new_account = guests.map(|terms| connector.accept_all(terms));
    let config = BtpServerConfig { new_account, ..BtpServerConfig::default() };
    let server = BtpServer::bind(listen, door, config)
        .await
        .map_err(|error| Failure::not_done(format!("cannot listen on {listen}: {error}")))?;
    connector.attach_server(&server);
    Ok(server)
}

/// Lets in the accounts of the configuration, with their tokens, and guests if there may be any.
struct Door {
    members: StaticTokens,
    names: Vec<String>,
    guests: Option<AnyToken>,
}

impl Authenticator for Door {
    fn authenticate(&self, username: Option<&str>, token: &Token) -> Result<String, String> {
        let is_member = username.is_some_and(|username| self.names.iter().any(|name| name == username));
        match (self.members.authenticate(username, token), &self.guests) {
            (Err(_), Some(guests)) if !is_member => guests.authenticate(username, token),
            (result, _) => result,
        }
    }
}

impl Running {
    /// Where it listens.
    pub(super) fn local_addr(&self) -> Result<SocketAddr, Failure> {
        let server = self.server.as_ref();
        server.map(BtpServer::local_addr).ok_or_else(|| Failure::not_done("the connector does not listen"))
    }

    pub(super) async fn stop(self) {
        if let Some(server) = &self.server {
            server.close().await;
        }
        for client in &self.clients {
            client.close().await;
        }
    }

    fn tell_listening(&self, output: &Output) {
        let address = self.connector.address().map(|address| address.to_string());
        let listen = self.server.as_ref().map(BtpServer::local_addr);
        let url = listen.map(|listen| format!("btp+ws://{{user}}:{{token}}@{listen}"));
        output.emit(
            json!({
                "event": "listening",
                "address": address,
                "host": listen.map(|listen| listen.ip().to_string()),
                "port": listen.map(|listen| listen.port()),
                "url_template": url,
            }),
            format!(
                "connector {} {}",
                address.as_deref().unwrap_or("without an address"),
                url.map_or_else(|| "connects only".to_owned(), |url| format!("listens at {url}")),
            ),
        );
    }
}
