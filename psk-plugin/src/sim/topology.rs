//! Who is where: names, ways, and the checks of a network's description.

use std::collections::{HashMap, VecDeque};

use psk_codec::{Address, AddressError};

use super::checks::check_link;
use super::config::{ConfigError, LinkConfig, NetworkConfig};

/// A node of the network, host or connector, by its place: hosts first, in the order of the description.
pub(super) type NodeIndex = usize;
/// A link, by its place.
pub(super) type LinkIndex = usize;

/// Where nodes and links are.
#[derive(Debug)]
pub(super) struct Topology {
    pub(super) names: Vec<String>,
    pub(super) addresses: Vec<Address>,
    pub(super) hosts: usize,
    /// The two nodes of each link.
    pub(super) ends: Vec<[NodeIndex; 2]>,
    /// The links of each node, in the order of the description.
    pub(super) links: Vec<Vec<LinkIndex>>,
    /// For each node and each host, the link that leads there.
    routes: Vec<Vec<Option<LinkIndex>>>,
    by_name: HashMap<String, NodeIndex>,
}

impl Topology {
    pub(super) fn new(config: &NetworkConfig) -> Result<Self, ConfigError> {
        let connectors = config.connectors.iter().map(|connector| &connector.name);
        let names: Vec<String> = config.hosts.iter().chain(connectors).cloned().collect();
        let mut by_name = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            if by_name.insert(name.clone(), index).is_some() {
                return Err(ConfigError::NameTaken(name.clone()));
            }
        }
        let address = |name: &String| address_of(name).map_err(|_| ConfigError::Name(name.clone()));
        let addresses = names.iter().map(address).collect::<Result<_, _>>()?;
        let mut links = vec![Vec::new(); names.len()];
        let mut ends: Vec<[NodeIndex; 2]> = Vec::new();
        for (index, link) in config.links.iter().enumerate() {
            let [one, other] =
                ends_of(link, &by_name).map_err(|error| error.at(format_args!("links[{index}]")))?;
            if let Some(first) = ends.iter().position(|&ends| ends == [one, other] || ends == [other, one]) {
                return Err(twice(link, first).at(format_args!("links[{index}]")));
            }
            links[one].push(index);
            links[other].push(index);
            ends.push([one, other]);
        }
        let hosts = config.hosts.len();
        let mut topology = Self { names, addresses, hosts, ends, links, routes: vec![], by_name };
        let routes: Vec<_> = (0..hosts).map(|host| topology.ways_to(host)).collect();
        topology.routes =
            (0..topology.names.len()).map(|node| routes.iter().map(|to| to[node]).collect()).collect();
        Ok(topology)
    }

    /// For each node the link that leads to `host` over the fewest links. Hosts forward nothing.
    fn ways_to(&self, host: NodeIndex) -> Vec<Option<LinkIndex>> {
        let mut ways = vec![None; self.names.len()];
        let mut queue = VecDeque::from([host]);
        while let Some(node) = queue.pop_front() {
            for &link in &self.links[node] {
                let next = self.other_end(link, node);
                if next == host || ways[next].is_some() {
                    continue;
                }
                ways[next] = Some(link);
                if next >= self.hosts {
                    queue.push_back(next);
                }
            }
        }
        ways
    }

    pub(super) fn other_end(&self, link: LinkIndex, node: NodeIndex) -> NodeIndex {
        let [one, other] = self.ends[link];
        if one == node { other } else { one }
    }

    pub(super) fn node(&self, name: &str) -> Result<NodeIndex, ConfigError> {
        self.by_name.get(name).copied().ok_or_else(|| ConfigError::UnknownNode(name.to_owned()))
    }

    /// The host whose address, or an address below it, this is.
    pub(super) fn host_of(&self, destination: &Address) -> Option<NodeIndex> {
        let mut segments = destination.segments();
        let host = segments.next().filter(|&scheme| scheme == "test").and_then(|_| segments.next());
        let host = host.and_then(|name| self.by_name.get(name).copied());
        host.filter(|&node| node < self.hosts)
    }

    pub(super) fn route(&self, node: NodeIndex, host: NodeIndex) -> Option<LinkIndex> {
        self.routes.get(node)?.get(host).copied().flatten()
    }
}

/// The nodes that a link joins, after a look at the rest of its description.
fn ends_of(link: &LinkConfig, by_name: &HashMap<String, NodeIndex>) -> Result<[NodeIndex; 2], ConfigError> {
    check_link(link)?;
    let node =
        |name: &String| by_name.get(name).copied().ok_or_else(|| ConfigError::UnknownNode(name.clone()));
    let ends = [node(&link.ends[0])?, node(&link.ends[1])?];
    match ends[0] == ends[1] {
        true => Err(ConfigError::Loop(link.ends[0].clone())),
        false => Ok(ends),
    }
}

fn twice(link: &LinkConfig, first: LinkIndex) -> ConfigError {
    let [one, other] = &link.ends;
    let problem = format!("{one:?} and {other:?} have a link already, links[{first}]");
    ConfigError::Setting { setting: "ends", problem }
}

fn address_of(name: &str) -> Result<Address, AddressError> {
    let test: Address = "test.x".parse()?;
    // The name alone must be one segment.
    test.with_suffix(name)?;
    match name.contains('.') {
        true => "".parse(),
        false => format!("test.{name}").parse(),
    }
}
