//! The firewall and the state of an instance.

use serde::{Deserialize, Serialize};

/// A protocol of a firewall rule: the API's `NetworkProtocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    /// ICMP. The ports are type and code.
    Icmp,
    /// ICMP for IPv6. The ports are type and code.
    Icmpv6,
    All,
}

/// A firewall rule of an instance: the members of `InstancePortInfo` that differ from rule to rule.
///
/// In JSON, a rule without ranges and aliases is open to 0.0.0.0/0 and ::/0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "PortMembers")]
pub struct Port {
    /// The first port, or the ICMP type.
    pub from_port: i32,
    /// The last port, or the ICMP code. In JSON, default `fromPort`.
    pub to_port: i32,
    /// The protocol. In JSON, default `tcp`.
    pub protocol: Protocol,
    /// IPv4 ranges with access.
    pub cidrs: Vec<String>,
    /// IPv6 ranges with access.
    pub ipv6_cidrs: Vec<String>,
    /// CIDR list aliases with access: `lightsail-connect`.
    pub cidr_list_aliases: Vec<String>,
}

const ANY_IPV4: &str = "0.0.0.0/0";
const ANY_IPV6: &str = "::/0";

impl Port {
    /// A TCP port that is open to everybody.
    pub fn tcp(port: u16) -> Self {
        Self {
            from_port: port.into(),
            to_port: port.into(),
            protocol: Protocol::Tcp,
            cidrs: vec![ANY_IPV4.to_owned()],
            ipv6_cidrs: vec![ANY_IPV6.to_owned()],
            cidr_list_aliases: Vec::new(),
        }
    }

    /// Whether everybody has access over IPv4.
    pub(crate) fn is_open(&self) -> bool {
        self.cidrs.iter().any(|cidr| cidr == ANY_IPV4)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PortMembers {
    from_port: i32,
    to_port: Option<i32>,
    #[serde(default)]
    protocol: Protocol,
    #[serde(default)]
    cidrs: Vec<String>,
    #[serde(default)]
    ipv6_cidrs: Vec<String>,
    #[serde(default)]
    cidr_list_aliases: Vec<String>,
}

impl From<PortMembers> for Port {
    fn from(members: PortMembers) -> Self {
        let mut port = Self {
            from_port: members.from_port,
            to_port: members.to_port.unwrap_or(members.from_port),
            protocol: members.protocol,
            cidrs: members.cidrs,
            ipv6_cidrs: members.ipv6_cidrs,
            cidr_list_aliases: members.cidr_list_aliases,
        };
        let lists = [&port.cidrs, &port.ipv6_cidrs, &port.cidr_list_aliases];
        if lists.iter().all(|list| list.is_empty()) {
            port.cidrs.push(ANY_IPV4.to_owned());
            port.ipv6_cidrs.push(ANY_IPV6.to_owned());
        }
        port
    }
}

/// The addresses of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpAddressType {
    /// IPv4 and IPv6.
    #[default]
    Dualstack,
    Ipv4,
    Ipv6,
}

/// The state of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    Pending,
    #[default]
    Running,
    Stopping,
    Stopped,
    #[serde(rename = "shutting-down")]
    ShuttingDown,
}

impl InstanceState {
    /// The state's code, as in EC2.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }
}
