//! An instance's firewall, as tags of its copies.
//!
//! A snapshot does not contain the firewall, and during an outage nobody can ask the instance's
//! Region for it.

/// The tag of an instance's firewall. Longer lists continue in `snapshot-copier:ports-2` and so on.
pub const PORTS_TAG: &str = "snapshot-copier:ports";

/// The most characters of a tag's value, by
/// [Tag](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_Tag.html).
const MAX_VALUE: usize = 256;

/// The most tags of a firewall. A resource has at most 50 tags, and some belong to others.
const MAX_TAGS: usize = 40;

/// The value of [`PORTS_TAG`] for a firewall that needs more tags.
pub const NOT_STORED: &str = "-";

const ANY_IPV4: &str = "0.0.0.0/0";
const ANY_IPV6: &str = "::/0";

/// One rule of an instance's firewall: who may connect to which ports. The members are those of
/// [PortInfo](https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_PortInfo.html).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortRule {
    /// `tcp`, `udp`, `all`, `icmp` or `icmpv6`.
    pub protocol: String,
    /// The first port, or the ICMP type.
    pub from_port: i32,
    /// The last port, or the ICMP code.
    pub to_port: i32,
    /// IPv4 ranges.
    pub cidrs: Vec<String>,
    /// IPv6 ranges.
    pub ipv6_cidrs: Vec<String>,
    /// Names of ranges that AWS keeps, such as `lightsail-connect`.
    pub cidr_list_aliases: Vec<String>,
}

impl PortRule {
    /// One token for each range, such as `tcp:22` or `udp:5000-5010@10.0.0.0/8`. A token without a
    /// range allows all addresses.
    fn tokens(&self) -> Vec<String> {
        let mut ports = format!("{}:{}", self.protocol, self.from_port);
        if self.to_port != self.from_port {
            ports.push_str(&format!("-{}", self.to_port));
        }
        let ranges = [&self.cidrs, &self.ipv6_cidrs, &self.cidr_list_aliases];
        let allows_all = self.cidr_list_aliases.is_empty()
            && match (self.cidrs.as_slice(), self.ipv6_cidrs.as_slice()) {
                ([], []) => true,
                ([ipv4], [ipv6]) => ipv4 == ANY_IPV4 && ipv6 == ANY_IPV6,
                _ => false,
            };
        if allows_all {
            return vec![ports];
        }
        let ranges = ranges.into_iter().flatten();
        ranges.map(|range| format!("{ports}@{range}")).collect()
    }
}

/// The tags that carry a firewall: tokens separated by spaces. An empty firewall is an empty value. One
/// that needs more than [`MAX_TAGS`] is not stored: its only value is [`NOT_STORED`].
pub fn ports_tags(rules: &[PortRule]) -> Vec<(String, String)> {
    let mut values = vec![String::new()];
    for token in rules.iter().flat_map(PortRule::tokens) {
        match values.last_mut() {
            Some(value) if value.is_empty() => *value = token,
            Some(value) if value.len() + 1 + token.len() <= MAX_VALUE => {
                value.push(' ');
                value.push_str(&token);
            }
            _ => values.push(token),
        }
    }
    if values.len() > MAX_TAGS {
        values = vec![NOT_STORED.to_owned()];
    }
    let keys = (1..).map(|number| match number {
        1 => PORTS_TAG.to_owned(),
        _ => format!("{PORTS_TAG}-{number}"),
    });
    keys.zip(values).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn rule(protocol: &str, ports: (i32, i32), ranges: [&[&str]; 3]) -> PortRule {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        PortRule {
            protocol: protocol.to_owned(),
            from_port: ports.0,
            to_port: ports.1,
            cidrs: owned(ranges[0]),
            ipv6_cidrs: owned(ranges[1]),
            cidr_list_aliases: owned(ranges[2]),
        }
    }

    #[test]
    fn tokens_name_protocol_ports_and_ranges() {
        let any: [&[&str]; 3] = [&[ANY_IPV4], &[ANY_IPV6], &[]];
        for (rule, tokens) in [
            (rule("tcp", (22, 22), any), "tcp:22"),
            (rule("tcp", (443, 443), [&[], &[], &[]]), "tcp:443"),
            (rule("all", (0, 65535), any), "all:0-65535"),
            (rule("icmp", (-1, -1), any), "icmp:-1"),
            (rule("icmp", (8, -1), any), "icmp:8--1"),
            (
                rule("udp", (5000, 5010), [&["10.0.0.0/8"], &[], &[]]),
                "udp:5000-5010@10.0.0.0/8",
            ),
            // Open to all IPv4 addresses, closed to IPv6.
            (
                rule("tcp", (22, 22), [&[ANY_IPV4], &[], &[]]),
                "tcp:22@0.0.0.0/0",
            ),
            (
                rule(
                    "tcp",
                    (22, 22),
                    [
                        &["192.0.2.1/32"],
                        &["2001:db8::/32"],
                        &["lightsail-connect"],
                    ],
                ),
                "tcp:22@192.0.2.1/32 tcp:22@2001:db8::/32 tcp:22@lightsail-connect",
            ),
        ] {
            let expected = vec![(PORTS_TAG.to_owned(), tokens.to_owned())];
            assert_eq!(ports_tags(&[rule]), expected);
        }
        let closed = vec![(PORTS_TAG.to_owned(), String::new())];
        assert_eq!(ports_tags(&[]), closed);
    }

    /// What PutInstancePublicPorts is asked for, rule by rule: protocol, ports and one range.
    type Opening = (String, i32, i32, String);

    fn openings(rule: &PortRule) -> Vec<Opening> {
        let no_range = rule.cidrs.is_empty()
            && rule.ipv6_cidrs.is_empty()
            && rule.cidr_list_aliases.is_empty();
        let any = [ANY_IPV4.to_owned(), ANY_IPV6.to_owned()];
        let ranges = rule
            .cidrs
            .iter()
            .chain(&rule.ipv6_cidrs)
            .chain(&rule.cidr_list_aliases);
        let ranges = ranges.chain(any.iter().filter(|_| no_range));
        ranges
            .map(|range| {
                (
                    rule.protocol.clone(),
                    rule.from_port,
                    rule.to_port,
                    range.clone(),
                )
            })
            .collect()
    }

    /// Reads a token back, by its grammar.
    fn read(token: &str) -> Vec<Opening> {
        let (ports, range) = match token.split_once('@') {
            Some((ports, range)) => (ports, Some(range)),
            None => (token, None),
        };
        let (protocol, ports) = ports.split_once(':').unwrap();
        let dash = ports[1..].find('-').map(|index| index + 1);
        let (from, to) = match dash {
            Some(dash) => (&ports[..dash], &ports[dash + 1..]),
            None => (ports, ports),
        };
        let ranges = range.map_or_else(|| vec![ANY_IPV4, ANY_IPV6], |range| vec![range]);
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let opening = |range: &str| (protocol.to_owned(), from, to, range.to_owned());
        ranges.into_iter().map(opening).collect()
    }

    fn any_rule() -> impl Strategy<Value = PortRule> {
        let ranges =
            |known: &'static [&'static str]| vec(select(known).prop_map(str::to_owned), 0..4);
        (
            select(&["tcp", "udp", "all", "icmp", "icmpv6"][..]),
            (-1i32..=65535, -1i32..=65535),
            ranges(&[ANY_IPV4, "10.0.0.0/8", "192.0.2.1/32", "203.0.113.0/24"]),
            ranges(&[ANY_IPV6, "2001:db8::/32", "fe80::1/128"]),
            ranges(&["lightsail-connect"]),
        )
            .prop_map(
                |(protocol, ports, cidrs, ipv6_cidrs, cidr_list_aliases)| PortRule {
                    protocol: protocol.to_owned(),
                    from_port: ports.0,
                    to_port: ports.1,
                    cidrs,
                    ipv6_cidrs,
                    cidr_list_aliases,
                },
            )
    }

    proptest! {
        #[test]
        fn tags_open_the_same_ports_as_the_firewall(rules in vec(any_rule(), 0..30)) {
            let tags = ports_tags(&rules);
            for (index, (key, value)) in tags.iter().enumerate() {
                prop_assert!(value.len() <= MAX_VALUE);
                let is_first = key == PORTS_TAG;
                prop_assert_eq!(is_first, index == 0);
                let expected = format!("{PORTS_TAG}-{}", index + 1);
                prop_assert!(is_first || *key == expected);
            }
            let tokens = tags.iter().flat_map(|(_, value)| value.split_whitespace());
            let read: BTreeSet<_> = tokens.flat_map(read).collect();
            let expected: BTreeSet<_> = rules.iter().flat_map(openings).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
