//! The names of what is restored.

use std::collections::BTreeMap;

use lightsail_snapshot_copier::ResourceKind;

use super::{Action, Entry};

/// Whether Lightsail accepts the name for an instance or disk.
pub fn is_valid(name: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (2..=255).contains(&name.len())
        && name.bytes().all(is_inner)
        && is_end(name.bytes().next())
        && is_end(name.bytes().next_back())
}

/// Blocks what would need the same name: the names of a Region's resources are unique, whatever
/// their kind.
pub fn block_duplicates(entries: &mut [Entry]) {
    let followed = successors(entries);
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    let wanted = entries.iter().zip(&followed);
    let wanted = wanted.filter(|(_, followed)| followed.is_none());
    for name in wanted.flat_map(|(entry, _)| names(entry)) {
        *uses.entry(name).or_default() += 1;
    }
    for (entry, followed) in entries.iter_mut().zip(followed) {
        let twice = names(entry)
            .into_iter()
            .find(|name| uses.get(name).is_some_and(|uses| *uses > 1));
        if let (Some(kind), Some(date)) = (followed, entry.recovery_point) {
            let kind = <&str>::from(kind).to_lowercase();
            entry.block(format!(
                "the {kind} of the same name has a newer copy and is restored; for this one: --as-of {date}"
            ));
        } else if let Some(name) = twice {
            entry.block(format!(
                "several sources need the name {name}; restore one at a time, and all but one with a --suffix: --name {}/{}",
                entry.source.region, entry.source.name
            ));
        }
    }
}

/// For each entry, the kind of the resource that has had its source's name since.
fn successors(entries: &[Entry]) -> Vec<Option<ResourceKind>> {
    let id = |entry: &Entry| (entry.source.region, entry.source.name.clone());
    let age = |entry: &Entry| (entry.recovery_point, entry.kind);
    let mut newest = BTreeMap::new();
    for entry in entries {
        let found = newest.entry(id(entry)).or_insert(age(entry));
        *found = age(entry).max(*found);
    }
    let successor = |entry: &Entry| {
        let newest = newest.get(&id(entry)).filter(|it| **it > age(entry));
        newest.map(|(_, kind)| *kind)
    };
    entries.iter().map(successor).collect()
}

/// The names that an entry needs.
fn names(entry: &Entry) -> Vec<String> {
    let mut names = vec![entry.name.clone()];
    match &entry.action {
        Action::Contained => names.clear(),
        Action::Blocked { .. } if entry.snapshot_name.is_none() => names.clear(),
        Action::CreateInstance(new) => names.extend(new.disks.iter().map(|disk| disk.name.clone())),
        _ => {}
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lightsail_accepts() {
        for good in ["ab", "WordPress-1", "shop.example.com", "1_a"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "-a",
            "a-",
            "a b",
            "file:///etc",
            "größe",
            "a\u{1b}b",
            &"a".repeat(256),
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
