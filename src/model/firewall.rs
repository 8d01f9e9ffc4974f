//! An instance's firewall, as tags of its copies.
//!
//! A snapshot does not contain the firewall, and during an outage nobody can ask the instance's
//! Region for it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{Excerpt, InvalidValue};

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
    /// One token for each range. Without ranges, or with only those of all addresses, one for all.
    fn tokens(&self) -> Vec<Token> {
        let token = |range: Option<&String>| Token {
            protocol: self.protocol.clone(),
            from_port: self.from_port,
            to_port: self.to_port,
            range: range.cloned(),
        };
        let allows_all = self.cidr_list_aliases.is_empty()
            && match (self.cidrs.as_slice(), self.ipv6_cidrs.as_slice()) {
                ([], []) => true,
                ([ipv4], [ipv6]) => ipv4 == ANY_IPV4 && ipv6 == ANY_IPV6,
                _ => false,
            };
        if allows_all {
            return vec![token(None)];
        }
        let ranges = [&self.cidrs, &self.ipv6_cidrs, &self.cidr_list_aliases];
        let ranges = ranges.into_iter().flatten();
        ranges.map(|range| token(Some(range))).collect()
    }

    fn allow(&mut self, range: Option<String>) {
        let Some(range) = range else {
            self.cidrs.push(ANY_IPV4.to_owned());
            self.ipv6_cidrs.push(ANY_IPV6.to_owned());
            return;
        };
        match address(&range) {
            Some(IpAddr::V4(_)) => self.cidrs.push(range),
            Some(IpAddr::V6(_)) => self.ipv6_cidrs.push(range),
            None => self.cidr_list_aliases.push(range),
        }
    }
}

/// One rule for one range, as text `tcp:22` or `udp:5000-5010@10.0.0.0/8`. Without a range, it
/// allows all addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    protocol: String,
    from_port: i32,
    to_port: i32,
    /// Addresses (`10.0.0.0/8`), or the name of a list of them (`lightsail-connect`).
    range: Option<String>,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.protocol, self.from_port)?;
        if self.to_port != self.from_port {
            write!(f, "-{}", self.to_port)?;
        }
        match &self.range {
            Some(range) => write!(f, "@{range}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Token {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (rule, range) = match text.split_once('@') {
            Some((rule, range)) => (rule, Some(range)),
            None => (text, None),
        };
        let read = || {
            let (protocol, ports) = rule.split_once(':')?;
            // The first character can be the sign of a negative ICMP type.
            let dash = ports.bytes().skip(1).position(|byte| byte == b'-');
            let (from, to) = match dash {
                Some(dash) => (ports.get(..=dash)?, ports.get(dash + 2..)?),
                None => (ports, ports),
            };
            let is_protocol = ["tcp", "udp", "all", "icmp", "icmpv6"].contains(&protocol);
            (is_protocol && range.is_none_or(is_range)).then_some(Self {
                protocol: protocol.to_owned(),
                from_port: from.parse().ok()?,
                to_port: to.parse().ok()?,
                range: range.map(str::to_owned),
            })
        };
        read().ok_or_else(|| {
            InvalidValue(format!(
                "{:?} is not a firewall rule such as tcp:22",
                Excerpt(text)
            ))
        })
    }
}

/// The address of a range such as `10.0.0.0/8`. `None` if it is the name of a list of ranges.
fn address(range: &str) -> Option<IpAddr> {
    let address = range.split_once('/').map_or(range, |(address, _)| address);
    address.parse().ok()
}

fn is_range(range: &str) -> bool {
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(is_name_byte);
    let has_length = |(_, length): (&str, &str)| length.parse::<u8>().is_ok();
    match address(range) {
        Some(_) => range.split_once('/').is_none_or(has_length),
        None => is_name(range),
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// The tags that carry a firewall: tokens separated by spaces. An empty firewall is an empty value. One
/// that needs more than `MAX_TAGS` is not stored: its only value is `NOT_STORED`.
pub fn ports_tags(rules: &[PortRule]) -> Vec<(String, String)> {
    let mut values = vec![String::new()];
    for token in rules.iter().flat_map(PortRule::tokens) {
        let token = token.to_string();
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
    (1..).map(ports_tag).zip(values).collect()
}

fn ports_tag(number: usize) -> String {
    match number {
        1 => PORTS_TAG.to_owned(),
        _ => format!("{PORTS_TAG}-{number}"),
    }
}

/// The firewall that a copy's tags carry, and what in them is no rule. An error says why the firewall
/// is unknown.
pub fn read_ports(
    tags: &BTreeMap<String, String>,
) -> Result<(Vec<PortRule>, Vec<InvalidValue>), InvalidValue> {
    let values = (1..).map_while(|number| tags.get(&ports_tag(number)));
    let values: Vec<_> = values.map(String::as_str).collect();
    match values.as_slice() {
        [] => {
            let message = format!("its copy has no tag {PORTS_TAG}");
            return Err(InvalidValue(message));
        }
        [NOT_STORED, ..] => {
            let message = "it had too many rules for the tags of its copy";
            return Err(InvalidValue(message.to_owned()));
        }
        _ => {}
    }
    let (mut rules, mut unread) = (Vec::new(), Vec::new());
    for token in values.into_iter().flat_map(str::split_whitespace) {
        match token.parse() {
            Ok(token) => allow(&mut rules, token),
            Err(error) => unread.push(error),
        }
    }
    match unread.first() {
        Some(error) if rules.is_empty() => {
            let message = format!("its tag {PORTS_TAG} cannot be read: {error}");
            Err(InvalidValue(message))
        }
        _ => Ok((rules, unread)),
    }
}

fn allow(rules: &mut Vec<PortRule>, token: Token) {
    let same_ports = rules.iter_mut().find(|rule| {
        rule.protocol == token.protocol
            && (rule.from_port, rule.to_port) == (token.from_port, token.to_port)
    });
    if let Some(rule) = same_ports {
        return rule.allow(token.range);
    }
    let mut rule = PortRule {
        protocol: token.protocol,
        from_port: token.from_port,
        to_port: token.to_port,
        ..PortRule::default()
    };
    rule.allow(token.range);
    rules.push(rule);
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
    fn tokens_are_read_as_they_are_written() {
        let any: [&[&str]; 3] = [&[ANY_IPV4], &[ANY_IPV6], &[]];
        for (rule, tokens) in [
            (rule("tcp", (22, 22), any), "tcp:22"),
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
                rule("tcp", (22, 22), [&[ANY_IPV4], &["2001:db8::/32"], &[]]),
                "tcp:22@0.0.0.0/0 tcp:22@2001:db8::/32",
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
            let rules = vec![rule];
            let tags = ports_tags(&rules);
            assert_eq!(tags, [(PORTS_TAG.to_owned(), tokens.to_owned())]);
            let read = read_ports(&tags.into_iter().collect());
            assert_eq!(read, Ok((rules, Vec::new())), "{tokens}");
        }
        let only_tag = |rules: &[PortRule]| ports_tags(rules).pop().unwrap().1;
        assert_eq!(only_tag(&[rule("tcp", (443, 443), [&[]; 3])]), "tcp:443");
        assert_eq!(only_tag(&[]), "");
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
            let (read, unread) = read_ports(&tags.into_iter().collect()).unwrap();
            prop_assert_eq!(unread, []);
            let mut ports = BTreeSet::new();
            for rule in &read {
                prop_assert!(ports.insert((&rule.protocol, rule.from_port, rule.to_port)), "twice");
            }
            let read: BTreeSet<_> = read.iter().flat_map(openings).collect();
            let expected: BTreeSet<_> = rules.iter().flat_map(openings).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_firewall_has_at_most_40_tags_of_256_characters() {
        // Of one token for each of these lengths.
        let tags = |lengths: &[usize]| {
            let rules = lengths.iter().map(|length| {
                let range = "x".repeat(length - "tcp:1@".len());
                rule("tcp", (1, 1), [&[], &[], &[&range]])
            });
            ports_tags(&rules.collect::<Vec<_>>())
        };
        assert_eq!(tags(&[127, 128]).len(), 1);
        assert_eq!(tags(&[128, 128]).len(), 2);
        assert_eq!(tags(&[256; 40]).len(), 40);
        let not_stored = [(PORTS_TAG.to_owned(), NOT_STORED.to_owned())];
        assert_eq!(tags(&[256; 41]), not_stored);
    }

    fn read(values: &[&str]) -> Result<(Vec<PortRule>, Vec<InvalidValue>), String> {
        let values = values.iter().map(|value| (*value).to_owned());
        let tags = (1..).map(ports_tag).zip(values).collect();
        read_ports(&tags).map_err(|error| error.to_string())
    }

    #[test]
    fn a_firewall_that_is_closed_or_not_stored() {
        let missing = || Err("its copy has no tag snapshot-copier:ports".to_owned());
        assert_eq!(read(&[""]), Ok((Vec::new(), Vec::new())));
        assert_eq!(read(&[]), missing());
        let too_long = "it had too many rules for the tags of its copy";
        assert_eq!(read(&["-"]), Err(too_long.to_owned()));
        // Without the first tag, nobody knows what was in it.
        let second = BTreeMap::from([(ports_tag(2), "tcp:22".to_owned())]);
        assert_eq!(read_ports(&second).map_err(|error| error.0), missing());
    }

    #[test]
    fn what_is_no_rule_opens_nothing_and_is_named() {
        for bad in [
            "tcp",
            "tcp:",
            "tcp:a",
            "tcp:22-",
            "tcp:22@",
            "tcp:22@10.0.0.0/x",
            "tcp:22@10.0.0.0/8/8",
            "tcp:22@$(id)",
            "TCP:22",
            "sctp:22",
            "tcp:99999999999",
            "yesterday",
        ] {
            let said = format!("{bad:?} is not a firewall rule such as tcp:22");
            let unknown = format!("its tag snapshot-copier:ports cannot be read: {said}");
            assert_eq!(read(&[bad]), Err(unknown));
            let any: [&[&str]; 3] = [&[ANY_IPV4], &[ANY_IPV6], &[]];
            let rules = ["tcp", "udp"].map(|protocol| rule(protocol, (22, 22), any));
            let expected = Ok((rules.into(), vec![InvalidValue(said)]));
            assert_eq!(read(&["tcp:22", bad, "udp:22"]), expected);
        }
    }
}
