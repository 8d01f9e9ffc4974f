//! Bundles, blueprints and disk performance.

use crate::api::instance::Port;

/// The hardware of an instance.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) id: &'static str,
    /// In US dollars a month.
    pub(crate) price: f32,
    pub(crate) cpu_count: u8,
    pub(crate) ram_in_gb: f32,
    pub(crate) disk_in_gb: u32,
    pub(crate) transfer_in_gb: u32,
}

const fn bundle(
    id: &'static str,
    price: f32,
    cpu_count: u8,
    ram_in_gb: f32,
    disk_in_gb: u32,
    transfer_in_gb: u32,
) -> Bundle {
    Bundle {
        id,
        price,
        cpu_count,
        ram_in_gb,
        disk_in_gb,
        transfer_in_gb,
    }
}

/// The general purpose bundles with a public IPv4 address. Those of generation 2 are retired.
static BUNDLES: [Bundle; 21] = [
    bundle("nano_2_0", 3.5, 1, 0.5, 20, 1024),
    bundle("micro_2_0", 5.0, 1, 1.0, 40, 2048),
    bundle("small_2_0", 10.0, 1, 2.0, 60, 3072),
    bundle("medium_2_0", 20.0, 2, 4.0, 80, 4096),
    bundle("large_2_0", 40.0, 2, 8.0, 160, 5120),
    bundle("xlarge_2_0", 80.0, 4, 16.0, 320, 6144),
    bundle("2xlarge_2_0", 160.0, 8, 32.0, 640, 7168),
    bundle("nano_3_0", 5.0, 2, 0.5, 20, 1024),
    bundle("micro_3_0", 7.0, 2, 1.0, 40, 2048),
    bundle("small_3_0", 12.0, 2, 2.0, 60, 3072),
    bundle("medium_3_0", 24.0, 2, 4.0, 80, 4096),
    bundle("large_3_0", 44.0, 2, 8.0, 160, 5120),
    bundle("xlarge_3_0", 84.0, 4, 16.0, 320, 6144),
    bundle("2xlarge_3_0", 164.0, 8, 32.0, 640, 7168),
    bundle("nano_win_3_0", 9.5, 2, 0.5, 30, 1024),
    bundle("micro_win_3_0", 14.0, 2, 1.0, 40, 2048),
    bundle("small_win_3_0", 22.0, 2, 2.0, 60, 3072),
    bundle("medium_win_3_0", 44.0, 2, 4.0, 80, 4096),
    bundle("large_win_3_0", 74.0, 2, 8.0, 160, 5120),
    bundle("xlarge_win_3_0", 124.0, 4, 16.0, 320, 6144),
    bundle("2xlarge_win_3_0", 244.0, 8, 32.0, 640, 7168),
];

/// The sizes of bundles, with their names and power.
const SIZES: [(&str, &str, u32); 7] = [
    ("nano", "Nano", 298),
    ("micro", "Micro", 500),
    ("small", "Small", 1000),
    ("medium", "Medium", 2000),
    ("large", "Large", 3000),
    ("xlarge", "Xlarge", 4000),
    ("2xlarge", "2Xlarge", 5000),
];

impl Bundle {
    /// Whether some Region may offer it.
    pub(crate) fn is_current(&self) -> bool {
        !self.id.ends_with("_2_0")
    }

    /// Whether it is for Windows.
    pub(crate) fn is_windows(&self) -> bool {
        self.id.contains("_win_")
    }

    /// `instanceType`: `nano`.
    pub(crate) fn size(&self) -> &'static str {
        self.id.split('_').next().unwrap_or(self.id)
    }

    /// The name for people: `Nano`.
    pub(crate) fn name(&self) -> &'static str {
        self.known_size().1
    }

    /// The number that a blueprint's `minPower` is compared with.
    pub(crate) fn power(&self) -> u32 {
        self.known_size().2
    }

    fn known_size(&self) -> (&'static str, &'static str, u32) {
        let mut sizes = SIZES.into_iter();
        sizes
            .find(|(id, ..)| *id == self.size())
            .expect("every bundle has one of the sizes")
    }
}

/// All bundles, retired ones included.
pub(crate) fn bundles() -> impl Iterator<Item = &'static Bundle> {
    BUNDLES.iter()
}

const IOPS_PER_GB: u32 = 3;
const MINIMUM_IOPS: u32 = 100;

/// The public address of instances whose world does not name one.
pub(crate) const DEFAULT_PUBLIC_IP_ADDRESS: &str = "198.51.100.10";

/// The device of a disk whose world does not name one.
pub(crate) const DEFAULT_PATH: &str = "/dev/xvdf";

/// The blueprint of instances whose world does not name one.
pub(crate) const DEFAULT_BLUEPRINT: &str = "wordpress";

/// The bundle of instances whose world does not name one.
pub(crate) fn default_bundle(blueprint_id: &str) -> &'static str {
    if is_windows(blueprint_id) {
        "small_win_3_0"
    } else {
        "small_3_0"
    }
}

/// The bundle with this id.
pub(crate) fn find_bundle(id: &str) -> Option<&'static Bundle> {
    BUNDLES.iter().find(|bundle| bundle.id == id)
}

/// Whether the blueprint's platform is Windows. Lightsail makes no automatic snapshots of Windows
/// instances.
pub(crate) fn is_windows(blueprint_id: &str) -> bool {
    blueprint_id.starts_with("windows_")
}

/// A blueprint's name: `windows_server_2022` gives `Windows Server 2022`.
pub(crate) fn blueprint_name(id: &str) -> String {
    match id {
        "wordpress" => return "WordPress".to_owned(),
        id if id.starts_with("ubuntu_") => return "Ubuntu".to_owned(),
        id if id.starts_with("debian_") => return "Debian".to_owned(),
        _ => {}
    }
    let words = id.split('_').map(|word| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + rest
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The user name of a new instance.
pub(crate) fn username(blueprint_id: &str) -> &'static str {
    match blueprint_id {
        id if is_windows(id) => "Administrator",
        id if id.starts_with("amazon_linux") => "ec2-user",
        id if id.starts_with("ubuntu") => "ubuntu",
        id if id.starts_with("debian") => "admin",
        _ => "bitnami",
    }
}

/// The firewall of a new instance.
pub(crate) fn default_ports(blueprint_id: &str) -> Vec<Port> {
    match blueprint_id {
        id if is_windows(id) => vec![Port::tcp(80), Port::tcp(3389)],
        DEFAULT_BLUEPRINT => vec![Port::tcp(22), Port::tcp(80), Port::tcp(443)],
        _ => vec![Port::tcp(22), Port::tcp(80)],
    }
}

/// The performance of a disk.
pub(crate) fn iops(size_in_gb: u32) -> u32 {
    size_in_gb.saturating_mul(IOPS_PER_GB).max(MINIMUM_IOPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blueprint_names_are_made_from_ids() {
        assert_eq!(blueprint_name("wordpress"), "WordPress");
        assert_eq!(blueprint_name("ubuntu_22_04"), "Ubuntu");
        assert_eq!(blueprint_name("windows_server_2022"), "Windows Server 2022");
    }

    #[test]
    fn every_bundle_has_a_size() {
        for bundle in bundles() {
            assert!(bundle.power() >= 298, "{}", bundle.id);
            assert_eq!(bundle.name().to_lowercase(), bundle.size());
        }
    }

    #[test]
    fn the_default_bundles_exist() {
        for blueprint in [DEFAULT_BLUEPRINT, "windows_server_2022"] {
            assert!(find_bundle(default_bundle(blueprint)).is_some());
        }
    }
}
