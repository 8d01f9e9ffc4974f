//! [PutInstancePublicPorts](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_PutInstancePublicPorts.html).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;
use serde_json::json;

use super::context::{Answer, Context, Target};
use super::read;
use super::resource::Instance;
use crate::api::error::ServiceError;
use crate::api::instance::{InstanceState, Port, Protocol};
use crate::api::resource::ResourceType;

/// The only alias that Lightsail has.
const ALIAS: &str = "lightsail-connect";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    port_infos: Option<Vec<Port>>,
}

/// Replaces the firewall of an instance that is neither starting nor being deleted.
pub(super) fn put_instance_public_ports(context: &mut Context<'_>) -> Answer {
    let parameters: Parameters = context.parameters()?;
    let name = context.name("instanceName")?;
    let Some(ports) = parameters.port_infos else {
        return Err(ServiceError::invalid_input("portInfos is required."));
    };
    ports.iter().try_for_each(check)?;
    let state = read::named_instance(context)?.state;
    if matches!(state, InstanceState::Pending | InstanceState::ShuttingDown) {
        return Err(ServiceError::operation_failure(format!(
            "The instance is starting or being deleted: {name}"
        )));
    }
    let target = Target::named(name, context.find(ResourceType::Instance, name)?);
    if context.has_effect()
        && let Ok(instance) = context.state.get_mut::<Instance>(context.region, name)
    {
        instance.ports = ports;
    }
    let operation = context.record(target, None, context.state.now);
    Ok(json!({ "operation": operation }))
}

fn check(port: &Port) -> Result<(), ServiceError> {
    let range = port.from_port..=port.to_port;
    let is_valid = match port.protocol {
        Protocol::Tcp | Protocol::Udp | Protocol::All => {
            !range.is_empty() && port.from_port >= 0 && port.to_port <= 65535
        }
        Protocol::Icmp | Protocol::Icmpv6 => {
            (-1..=255).contains(&port.from_port) && (-1..=255).contains(&port.to_port)
        }
    };
    if !is_valid {
        return Err(ServiceError::invalid_input(format!(
            "The ports are not valid: {} to {}",
            port.from_port, port.to_port
        )));
    }
    let bad_range = port
        .cidrs
        .iter()
        .find(|range| !is_range::<Ipv4Addr>(range, 32))
        .or_else(|| {
            let mut ranges = port.ipv6_cidrs.iter();
            ranges.find(|range| !is_range::<Ipv6Addr>(range, 128))
        })
        .or_else(|| {
            let mut aliases = port.cidr_list_aliases.iter();
            aliases.find(|alias| *alias != ALIAS)
        });
    match bad_range {
        Some(range) => Err(ServiceError::invalid_input(format!(
            "The range or alias is not valid: {range}"
        ))),
        None => Ok(()),
    }
}

/// Whether the text is an address, or one with the length of its prefix.
fn is_range<A: FromStr>(text: &str, longest: u8) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, prefix.parse().ok()),
        None => (text, Some(longest)),
    };
    A::from_str(address).is_ok() && prefix.is_some_and(|prefix: u8| prefix <= longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_addresses_with_a_prefix() {
        for range in ["0.0.0.0/0", "10.0.0.0/8", "203.0.113.5/32", "203.0.113.5"] {
            assert!(is_range::<Ipv4Addr>(range, 32), "{range}");
        }
        for range in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "::/0"] {
            assert!(!is_range::<Ipv4Addr>(range, 32), "{range}");
        }
        assert!(is_range::<Ipv6Addr>("2001:db8::/32", 128));
        assert!(!is_range::<Ipv6Addr>("2001:db8::/129", 128));
    }
}
