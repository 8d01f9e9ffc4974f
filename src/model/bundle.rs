//! Bundles: the hardware that an instance can have, and its price.

/// The hardware of an instance. A zero means that an amount is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardware {
    pub cpus: u32,
    pub ram_mib: u32,
    /// The system disk. Lightsail refuses to restore a snapshot to a smaller one.
    pub disk_gb: u32,
    pub is_windows: bool,
    /// None for an IPv6-only instance.
    pub ipv4_addresses: u32,
}

impl Hardware {
    fn contains(&self, other: &Self) -> bool {
        self.cpus >= other.cpus
            && self.ram_mib >= other.ram_mib
            && self.disk_gb >= other.disk_gb
            && self.is_windows == other.is_windows
            && self.ipv4_addresses >= other.ipv4_addresses
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// `small_3_0`.
    pub id: String,
    pub hardware: Hardware,
    /// In US cents a month.
    pub price_cents: u32,
    /// Whether new instances can have it.
    pub is_active: bool,
}

/// All bundles of a Region, those included that new instances cannot have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundles(Vec<Bundle>);

impl From<Vec<Bundle>> for Bundles {
    fn from(bundles: Vec<Bundle>) -> Self {
        Self(bundles)
    }
}

impl Bundles {
    /// The active bundle that restores an instance of bundle `id` to the same hardware: `id` itself,
    /// or else the cheapest other one. `source` is the hardware of the instance, if it is known.
    pub fn equal(&self, id: &str, source: Option<Hardware>) -> Option<&Bundle> {
        let same_id = self.0.iter().find(|bundle| bundle.id == id);
        same_id.filter(|bundle| bundle.is_active).or_else(|| {
            let hardware = self.hardware(id, source)?;
            self.cheapest(|bundle| bundle.hardware == hardware)
        })
    }

    /// The cheapest active bundle that has at least this hardware.
    pub fn nearest_larger(&self, hardware: Hardware) -> Option<&Bundle> {
        self.cheapest(|bundle| bundle.hardware.contains(&hardware))
    }

    /// The hardware of bundle `id`: as the Region lists it, or as the Region lists it under its own
    /// last number (`small_3_2` for `small_3_0`), or as the instance has it.
    pub fn hardware(&self, id: &str, source: Option<Hardware>) -> Option<Hardware> {
        let same_id = self.0.iter().find(|bundle| bundle.id == id);
        let same_family = || {
            self.0
                .iter()
                .find(|bundle| family(&bundle.id) == family(id))
        };
        let listed = same_id.or_else(same_family);
        listed.map(|bundle| bundle.hardware).or(source)
    }

    fn cheapest(&self, fits: impl Fn(&Bundle) -> bool) -> Option<&Bundle> {
        let fitting = self
            .0
            .iter()
            .filter(|bundle| bundle.is_active && fits(bundle));
        fitting.min_by_key(|bundle| (bundle.price_cents, &bundle.id))
    }
}

/// A bundle's id without its last number, which differs by Region for the same hardware.
fn family(id: &str) -> &str {
    id.rsplit_once('_').map_or(id, |(family, _number)| family)
}

/// Whether the id is that of a bundle without a public IPv4 address: `nano_ipv6_3_0`.
pub fn is_ipv6_only(id: &str) -> bool {
    id.contains("_ipv6_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(id: &str, (cpus, ram_gib, disk_gb): (u32, u32, u32), dollars: u32) -> Bundle {
        Bundle {
            id: id.to_owned(),
            hardware: Hardware {
                cpus,
                ram_mib: ram_gib * 1024,
                disk_gb,
                is_windows: id.contains("_win_"),
                ipv4_addresses: u32::from(!is_ipv6_only(id)),
            },
            price_cents: dollars * 100,
            is_active: true,
        }
    }

    /// The bundles of a Region in which ids end with 2.
    fn bundles() -> Bundles {
        Bundles(vec![
            Bundle {
                is_active: false,
                ..bundle("small_2_2", (1, 2, 60), 10)
            },
            bundle("small_3_2", (2, 2, 60), 12),
            bundle("small_ipv6_3_2", (2, 2, 60), 10),
            bundle("small_win_3_2", (2, 2, 60), 22),
            bundle("medium_3_2", (2, 4, 80), 24),
            bundle("medium_9_2", (2, 4, 80), 23),
        ])
    }

    fn equal(id: &str) -> Option<String> {
        let bundles = bundles();
        bundles.equal(id, None).map(|bundle| bundle.id.clone())
    }

    #[test]
    fn a_bundle_is_replaced_by_one_of_the_same_hardware() {
        for (id, expected) in [
            ("small_3_2", "small_3_2"),
            ("small_3_0", "small_3_2"),
            ("small_3_1", "small_3_2"),
            ("small_ipv6_3_0", "small_ipv6_3_2"),
            ("small_win_3_0", "small_win_3_2"),
            // The same id is chosen although another bundle is cheaper.
            ("medium_3_2", "medium_3_2"),
            ("medium_3_0", "medium_9_2"),
        ] {
            assert_eq!(equal(id).as_deref(), Some(expected), "{id}");
        }
        // One CPU less, and a size that the Region does not list.
        assert_eq!(equal("small_2_0"), None);
        assert_eq!(equal("small_2_2"), None);
        assert_eq!(equal("4xlarge_3_0"), None);
    }

    #[test]
    fn an_unknown_id_has_the_hardware_of_its_instance() {
        let bundles = bundles();
        let instance = bundle("", (2, 4, 80), 0).hardware;
        let found = bundles.equal("bitnami_1_0", Some(instance)).unwrap();
        assert_eq!(found.id, "medium_9_2");
        // What the Region lists counts more.
        let found = bundles.equal("small_3_0", Some(instance)).unwrap();
        assert_eq!(found.id, "small_3_2");
    }

    #[test]
    fn the_nearest_larger_bundle_is_the_cheapest_that_fits() {
        let bundles = bundles();
        let nearest = |id: &str, size| {
            let found = bundles.nearest_larger(bundle(id, size, 0).hardware);
            found.map(|bundle| bundle.id.as_str())
        };
        assert_eq!(nearest("", (1, 2, 60)), Some("small_3_2"));
        assert_eq!(nearest("_ipv6_", (1, 2, 60)), Some("small_ipv6_3_2"));
        assert_eq!(nearest("_ipv6_", (2, 2, 61)), Some("medium_9_2"));
        assert_eq!(nearest("", (0, 0, 61)), Some("medium_9_2"));
        assert_eq!(nearest("_win_", (1, 1, 20)), Some("small_win_3_2"));
        assert_eq!(nearest("_win_", (2, 4, 80)), None);
        assert_eq!(nearest("", (4, 16, 320)), None);
    }
}
