//! The `drills` of a policy in JSON.

use std::sync::Arc;

use http::Uri;

use super::input::{ANY, Object};
use super::policy::glob;
use crate::model::drill::{Check, Drills, HttpCheck};
use crate::model::{Excerpt, InvalidValue};

/// An address for documentation. It stands for the instance's while a URL is checked.
const SOME_ADDRESS: &str = "192.0.2.1";

pub fn drills(object: &mut Object<'_>) -> Option<Drills> {
    let names = object.required("names", |it| it.distinct(ANY, |it| it.parsed_by(glob)));
    Some(Drills {
        every_days: object
            .optional("everyDays", |it| it.count(1..=365))
            .unwrap_or(30),
        at_once: object.optional("atOnce", |it| it.count(1..=5)).unwrap_or(1),
        max_hours: object
            .optional("maxHours", |it| it.count(1..=24))
            .unwrap_or(4),
        checks: object
            .optional("checks", |it| it.list(ANY, |it| it.object(check)))
            .unwrap_or_default(),
        names: names?,
    })
}

fn check(object: &mut Object<'_>) -> Option<Check> {
    let port = object.optional("port", |it| it.count(1..=65_535));
    let http = http_check(object);
    match object.one_of("port", "url", "required (or url)")? {
        "port" => {
            object.refuse(&["host", "status", "contains"], "only with url");
            port.map(Check::Port)
        }
        _ => http.map(|http| Check::Http(Arc::new(http))),
    }
}

/// Reads `url` and what belongs to it. `None` if there is no valid URL.
fn http_check(object: &mut Object<'_>) -> Option<HttpCheck> {
    let url = object.optional("url", |it| it.parsed_by(check_url));
    let host = object.optional("host", |it| it.parsed_by(dns_name));
    let status = object.optional("status", |it| it.count(100..=599));
    let contains = object.optional("contains", |it| it.name());
    let url = url?;
    if url.starts_with("https:") && !object.has("host") {
        let message = "required: the certificate of an https URL must be valid for it";
        object.error("host", message);
    }
    Some(HttpCheck {
        url,
        host,
        status: status.unwrap_or(200),
        contains,
    })
}

/// A URL whose host is `{ip}`. Any other host is an error, because a drill must never test the
/// original in place of its copy.
fn check_url(text: &str) -> Result<String, InvalidValue> {
    let rest = ["http://{ip}", "https://{ip}"]
        .iter()
        .find_map(|start| text.strip_prefix(start));
    let port = rest.map(|rest| rest.split_once('/').map_or(rest, |(port, _path)| port));
    if !port.is_some_and(|port| port.is_empty() || is_port(port)) {
        return Err(InvalidValue(format!(
            "expected http://{{ip}} or https://{{ip}}, optionally followed by :PORT and /PATH, found {:?}",
            Excerpt(text)
        )));
    }
    match text.replacen("{ip}", SOME_ADDRESS, 1).parse::<Uri>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(InvalidValue(format!(
            "{:?} is not a URL: {error}",
            Excerpt(text)
        ))),
    }
}

/// Whether the text is a colon and a port.
fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or_default();
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A DNS name in ASCII. An address is not one: the check would go there instead of to the instance.
fn dns_name(text: &str) -> Result<String, InvalidValue> {
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_address = last.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() <= 253 && text.split('.').all(is_label) && !is_address {
        return Ok(text.to_owned());
    }
    Err(InvalidValue(format!(
        "expected a DNS name such as www.example.com, found {:?}",
        Excerpt(text)
    )))
}

/// Whether the text is one label of a DNS name.
fn is_label(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&text.len())
        && text.bytes().all(is_allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::parse_policy;
    use super::*;

    fn parse(drills: &Value) -> Result<Drills, String> {
        let policy = json!({
            "sources": [{ "region": "us-west-2" }],
            "destinations": ["us-east-1"],
            "drills": drills,
        });
        match parse_policy(&policy.to_string()) {
            Ok(policy) => Ok(policy.drills.unwrap()),
            Err(errors) => Err(errors.to_string()),
        }
    }

    /// The drills of all instances with this one check.
    fn parse_check(check: &Value) -> Result<Check, String> {
        let drills = parse(&json!({ "names": ["*"], "checks": [check] }));
        drills.map(|mut drills| drills.checks.remove(0))
    }

    fn http(url: &str, host: Option<&str>) -> Check {
        Check::Http(Arc::new(HttpCheck {
            url: url.to_owned(),
            host: host.map(str::to_owned),
            status: 200,
            contains: None,
        }))
    }

    #[test]
    fn what_is_absent_has_its_default() {
        let drills = parse(&json!({ "names": ["WordPress-*"] })).unwrap();
        assert!(drills.selects("WordPress-1"));
        assert!(!drills.selects("My-WordPress-1"));
        assert_eq!(drills.every_days, 30);
        assert_eq!(drills.at_once, 1);
        assert_eq!(drills.max_hours, 4);
        assert_eq!(drills.checks, []);
    }

    #[test]
    fn every_field_is_read() {
        let drills = parse(&json!({
            "names": ["WordPress-*", "db"],
            "everyDays": 7,
            "atOnce": 5,
            "maxHours": 24,
            "checks": [
                { "port": 22 },
                { "url": "http://{ip}/" },
                {
                    "url": "https://{ip}:8443/status?full=1",
                    "host": "www.example.com",
                    "status": 302,
                    "contains": "WordPress",
                },
            ],
        }))
        .unwrap();
        assert!(drills.selects("WordPress-1") && drills.selects("db") && !drills.selects("web"));
        assert_eq!(drills.every_days, 7);
        assert_eq!(drills.at_once, 5);
        assert_eq!(drills.max_hours, 24);
        assert_eq!(
            drills.checks,
            [
                Check::Port(22),
                http("http://{ip}/", None),
                Check::Http(Arc::new(HttpCheck {
                    url: "https://{ip}:8443/status?full=1".to_owned(),
                    host: Some("www.example.com".to_owned()),
                    status: 302,
                    contains: Some("WordPress".to_owned()),
                })),
            ]
        );
    }

    #[test]
    fn empty_lists_select_no_instance_and_check_nothing() {
        let drills = parse(&json!({ "names": [], "checks": [] })).unwrap();
        assert!(!drills.selects("a"));
        assert_eq!(drills.names, []);
        assert_eq!(drills.checks, []);
    }

    #[test]
    fn numbers_have_bounds() {
        for (field, max) in [("everyDays", 365), ("atOnce", 5), ("maxHours", 24)] {
            for right in [1, max] {
                assert!(parse(&json!({ "names": [], field: right })).is_ok());
            }
            for wrong in [
                json!(0),
                json!(max + 1),
                json!(1.5),
                json!("1"),
                json!(null),
            ] {
                let found = parse(&json!({ "names": [], field: wrong })).unwrap_err();
                let expected = format!("drills.{field}: expected a whole number from 1 to {max}, ");
                assert!(found.starts_with(&expected), "{found}");
            }
        }
    }

    #[test]
    fn urls_lead_to_the_instance() {
        for url in [
            "http://{ip}",
            "http://{ip}/",
            "http://{ip}:1",
            "http://{ip}:65535/a/b?c=d&e",
            "http://{ip}/größe",
            "http://{ip}//user@example.com:80/",
        ] {
            assert_eq!(
                parse_check(&json!({ "url": url })),
                Ok(http(url, None)),
                "{url}"
            );
            let uri: Uri = url.replacen("{ip}", SOME_ADDRESS, 1).parse().unwrap();
            assert_eq!(uri.host(), Some(SOME_ADDRESS), "{url}");
        }
        for url in [
            "http://www.example.com/",
            "http://192.0.2.1/",
            "http://{ip}.example.com/",
            "http://{ip}@example.com/",
            "http://{ip}:80@example.com/",
            "http://{ip}:@example.com/",
            "http://user@{ip}/",
            "http://{ip}:0/",
            "http://{ip}:65536/",
            "http://{ip}:+80/",
            "http://{ip}:/",
            "http://{ip}:80:80/",
            "http://{ip}?query",
            "http://{ip}#fragment",
            "http://{ip}\\example.com/",
            "HTTP://{ip}/",
            "ftp://{ip}/",
            "{ip}",
            " http://{ip}/",
            "",
        ] {
            let found = parse_check(&json!({ "url": url })).unwrap_err();
            let expected = format!(
                "drills.checks[0].url: expected http://{{ip}} or https://{{ip}}, optionally followed by :PORT and /PATH, found {url:?}"
            );
            assert_eq!(found, expected);
        }
        for path in ["a b", "a\r\nHost: x", "a<b"] {
            let url = format!("http://{{ip}}/{path}");
            let found = parse_check(&json!({ "url": url })).unwrap_err();
            let expected = format!("drills.checks[0].url: {url:?} is not a URL: ");
            assert!(found.starts_with(&expected), "{found}");
        }
    }

    #[test]
    fn hosts_are_dns_names() {
        let longest_label = "a".repeat(63);
        let longest = [longest_label.as_str(); 4].join(".")[..253].to_owned();
        let check = |host: &str| parse_check(&json!({ "url": "https://{ip}/", "host": host }));
        for host in [
            "www.example.com",
            "localhost",
            "_a.xn--bcher-kva.example",
            "1.example.x1",
            &longest_label,
            &longest,
        ] {
            assert_eq!(check(host), Ok(http("https://{ip}/", Some(host))));
        }
        for host in [
            "",
            ".",
            "www.example.com.",
            "a..b",
            "-a.example",
            "a-.example",
            "bücher.example",
            "www.example.com:443",
            "a b",
            "a/b",
            "user@a",
            "{ip}",
            "192.0.2.1",
            "127.1",
            "2130706433",
            "[::1]",
            "::1",
            &format!("{longest_label}a"),
            &format!("{longest}a"),
        ] {
            let found = check(host).unwrap_err();
            let expected = "drills.checks[0].host: expected a DNS name such as www.example.com, ";
            assert!(found.starts_with(expected), "{host} {found}");
        }
    }

    #[test]
    fn every_error_has_its_path() {
        for (check, expected) in [
            (json!(22), "drills.checks[0]: expected an object, found 22"),
            (json!({}), "drills.checks[0].port: required (or url)"),
            (
                json!({ "port": 22, "url": "http://{ip}/" }),
                "drills.checks[0].url: give either port or url, not both",
            ),
            (
                json!({ "port": 0 }),
                "drills.checks[0].port: expected a whole number from 1 to 65535, found 0",
            ),
            (
                json!({ "port": 65536 }),
                "drills.checks[0].port: expected a whole number from 1 to 65535, found 65536",
            ),
            (
                json!({ "port": 22, "host": "a" }),
                "drills.checks[0].host: only with url",
            ),
            (
                json!({ "port": 22, "status": 200 }),
                "drills.checks[0].status: only with url",
            ),
            (
                json!({ "port": 22, "contains": "a" }),
                "drills.checks[0].contains: only with url",
            ),
            (
                json!({ "url": 1 }),
                "drills.checks[0].url: expected a string, found 1",
            ),
            (
                json!({ "url": "https://{ip}/" }),
                "drills.checks[0].host: required: the certificate of an https URL must be valid for it",
            ),
            (
                json!({ "url": "http://{ip}/", "status": 99 }),
                "drills.checks[0].status: expected a whole number from 100 to 599, found 99",
            ),
            (
                json!({ "url": "http://{ip}/", "status": 600 }),
                "drills.checks[0].status: expected a whole number from 100 to 599, found 600",
            ),
            (
                json!({ "url": "http://{ip}/", "contains": "" }),
                "drills.checks[0].contains: empty",
            ),
            (
                json!({ "url": "http://{ip}/", "timeout": 5 }),
                "drills.checks[0].timeout: unknown field",
            ),
        ] {
            assert_eq!(parse_check(&check), Err(expected.to_owned()), "{check}");
        }
        for (drills, expected) in [
            (json!(null), "drills: expected an object, found null"),
            (json!({}), "drills.names: required"),
            (
                json!({ "names": "*" }),
                r#"drills.names: expected a list, found the string "*""#,
            ),
            (json!({ "names": ["a", "a"] }), "drills.names[1]: duplicate"),
            (
                json!({ "names": [], "checks": {} }),
                "drills.checks: expected a list, found an object",
            ),
            (
                json!({ "names": [], "every": 1 }),
                "drills.every: unknown field",
            ),
            (
                json!({ "names": vec![""; 1001] }),
                "drills.names: 1001 elements; at most 1000 are allowed",
            ),
            (
                json!({ "names": [], "checks": vec![json!({ "port": 22 }); 1001] }),
                "drills.checks: 1001 elements; at most 1000 are allowed",
            ),
        ] {
            let found = parse(&drills).unwrap_err();
            assert_eq!(found.lines().next(), Some(expected), "{drills}");
        }
    }

    #[test]
    fn all_errors_are_reported_together() {
        let found = parse(&json!({
            "names": ["a[", "{a,b}"],
            "everyDays": 0,
            "atOnce": 6,
            "maxHours": 25,
            "checks": [
                { "port": 0, "host": "a" },
                { "url": "https://{ip}/", "status": 1, "contains": 2, "host": "b:1" },
                { "port": 22 },
                { "tcp": 22 },
            ],
            "zone": "us-east-1a",
        }))
        .unwrap_err();
        let paths: Vec<&str> = found
            .lines()
            .filter_map(|line| Some(line.split_once(": ")?.0))
            .collect();
        assert_eq!(
            paths,
            [
                "drills.names[0]",
                "drills.names[1]",
                "drills.everyDays",
                "drills.atOnce",
                "drills.maxHours",
                "drills.checks[0].port",
                "drills.checks[0].host",
                "drills.checks[1].host",
                "drills.checks[1].status",
                "drills.checks[1].contains",
                "drills.checks[3].port",
                "drills.checks[3].tcp",
                "drills.zone",
            ]
        );
    }
}
